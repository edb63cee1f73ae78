// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <set>
#include <string>

namespace penstock::testing {

/// The fields in the table of streams in docs/operations.md.
inline std::set<std::string> DocumentedStreamFields() {
  std::set<std::string> fields;
  std::ifstream file(PENSTOCK_OPERATIONS_DOC);
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) here = line == "### Settings of streams";
    if (here && line.starts_with("| `")) fields.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return fields;
}

}  // namespace penstock::testing
