// SPDX-License-Identifier: Apache-2.0
// docs/features.md has a row for every feature that was asked for, and what its rows name is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace penstock {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PENSTOCK_SOURCE_ROOT;

std::string TextOf(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The cells of each row, without those of the heads.
std::vector<std::vector<std::string>> Rows() {
  std::vector<std::vector<std::string>> rows;
  std::ifstream file(kRoot / "docs/features.md");
  for (std::string line; std::getline(file, line);) {
    static const std::regex kRow(R"(\| ([SDK]\d) \| (.+) \| (.+) \| (.+) \|)");
    std::smatch found;
    if (std::regex_match(line, found, kRow)) rows.push_back({found[1], found[2], found[3], found[4]});
  }
  return rows;
}

/// All that public headers say.
std::string PublicHeaders() {
  std::string text;
  for (const char* module : {"actorpool", "eventbus", "metrics", "sdk"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / module / "include")) {
      if (entry.path().extension() == ".h") text += TextOf(entry.path());
    }
  }
  return text;
}

TEST(FeaturesDocumentTest, HasARowForEveryFeature) {
  std::set<std::string> ids;
  for (const auto& row : Rows()) ids.insert(row[0]);
  std::set<std::string> wanted;
  for (const auto& [letter, count] : {std::pair{'S', 5}, std::pair{'D', 9}, std::pair{'K', 6}}) {
    for (int i = 1; i <= count; ++i) wanted.insert(letter + std::to_string(i));
  }
  EXPECT_EQ(ids, wanted);
}

TEST(FeaturesDocumentTest, NamesInterfacesAndTestsThatAreThere) {
  const std::string headers = PublicHeaders();
  const std::regex name("`(?:(\\w+)::)?(\\w+)`"), link(R"(\]\(([^)]+)\))");
  for (const auto& row : Rows()) {
    if (row[2] == "-") {
      EXPECT_EQ(row[3], "-") << row[1] << ": a test of what is not there";
      continue;
    }
    auto names = std::sregex_iterator(row[2].begin(), row[2].end(), name);
    EXPECT_NE(names, std::sregex_iterator()) << row[1] << ": no interface";
    for (; names != std::sregex_iterator(); ++names) {
      for (const int part : {1, 2}) {
        const std::string word = (*names)[static_cast<std::size_t>(part)];
        EXPECT_TRUE(word.empty() || std::regex_search(headers, std::regex("\\b" + word + "\\b"))) << word;
      }
    }
    auto links = std::sregex_iterator(row[3].begin(), row[3].end(), link);
    EXPECT_NE(links, std::sregex_iterator()) << row[1] << ": no test";
    for (; links != std::sregex_iterator(); ++links) {
      const fs::path file = kRoot / "docs" / (*links)[1].str();
      EXPECT_THAT(TextOf(file), testing::HasSubstr("TEST")) << file;
    }
  }
}

}  // namespace
}  // namespace penstock
