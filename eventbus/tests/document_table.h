// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::testing {

/// The rows of the tables between a heading of a Markdown document, such as "### Settings of streams", and the next one
/// of its level or above, without each table's first two lines. Empty when there is no such document or heading.
inline std::vector<std::string> TableRows(const std::string& path, std::string_view heading) {
  const auto level = [](std::string_view line) { return line.find_first_not_of('#'); };
  std::vector<std::string> rows;
  std::ifstream file(path);
  bool inside = false;
  std::size_t head = 0;  // lines of the present table
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#") && (line == heading || level(line) <= level(heading))) inside = line == heading;
    head = line.starts_with("|") ? head + 1 : 0;
    if (inside && head > 2) rows.push_back(line);
  }
  return rows;
}

}  // namespace penstock::testing
