// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace penstock::eventbus {

/// The text that a JSON string stands for, in UTF-8.
struct JsonText {
  std::string text{};
  /// It had the escape of half a surrogate pair, which stands for no character: U+FFFD in `text`, as Go reads it.
  bool has_lone_surrogate = false;
};

/// `quoted` is a JSON string with its quotation marks, checked before.
JsonText DecodeJsonText(std::string_view quoted);

}  // namespace penstock::eventbus
