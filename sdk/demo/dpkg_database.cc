// SPDX-License-Identifier: Apache-2.0
#include "dpkg_database.h"

#include <algorithm>
#include <optional>

namespace penstock::demo {
namespace {

struct Paragraph {
  std::string_view package{};
  std::string_view architecture{};
  std::string_view version{};
  std::string_view status{};
  bool empty = true;
};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(kBlank) + 1);
}

void ReadField(std::string_view line, Paragraph& paragraph) {
  paragraph.empty = false;
  const std::size_t colon = line.find(':');
  if (line.front() == ' ' || line.front() == '\t' || colon == std::string_view::npos) return;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (name == "Package") paragraph.package = value;
  if (name == "Architecture") paragraph.architecture = value;
  if (name == "Version") paragraph.version = value;
  if (name == "Status") paragraph.status = value;
}

// `install ok installed`: what is wanted, whether something is wrong, what is so.
std::optional<PackageStatus> LastWord(std::string_view status) {
  return ParsePackageStatus(status.substr(status.rfind(' ') + 1));
}

void Add(const Paragraph& paragraph, Database& database) {
  if (paragraph.empty) return;
  const auto status = LastWord(paragraph.status);
  if (paragraph.package.empty() || !status.has_value()) {
    ++database.broken_paragraphs;
    return;
  }
  std::string name(paragraph.package);
  if (!paragraph.architecture.empty()) name.append(":").append(paragraph.architecture);
  database.packages.insert_or_assign(std::move(name),
                                     DatabaseEntry{.status = *status, .version = std::string(paragraph.version)});
}

}  // namespace

void ReadDatabase(std::string_view text, Database& database) {
  Paragraph paragraph;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!Trim(line).empty()) {
      ReadField(line, paragraph);
      continue;
    }
    Add(paragraph, database);
    paragraph = {};
  }
  Add(paragraph, database);
}

}  // namespace penstock::demo
