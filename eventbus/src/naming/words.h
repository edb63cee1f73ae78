// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace penstock::eventbus {

/// Takes what is before the first `separator` off the front of `text`, and the separator; all of it when there is none.
inline std::string_view TakeUpTo(char separator, std::string_view& text) {
  const std::string_view front = text.substr(0, text.find(separator));
  text.remove_prefix(front.size() == text.size() ? front.size() : front.size() + 1);
  return front;
}

/// The parts of `text` between separators, empty ones too; at least one.
inline std::vector<std::string_view> SplitAt(char separator, std::string_view text) {
  std::vector<std::string_view> parts;
  for (auto end = text.find(separator); end != text.npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace penstock::eventbus
