// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>

namespace penstock::actorpool {

inline std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The lines of `source` between its two lines `// [mark]`, without the indentation of their function.
inline std::string SnippetOf(const std::string& source, const std::string& mark) {
  const std::string line = "  // [" + mark + "]\n";
  const std::size_t begin = source.find(line) + line.size();
  std::string text = "\n";
  text.append(source, begin, source.find(line, begin) - begin);
  for (std::size_t at = 0; (at = text.find("\n  ", at)) != std::string::npos; ++at) text.erase(at + 1, 2);
  return text;
}

}  // namespace penstock::actorpool
