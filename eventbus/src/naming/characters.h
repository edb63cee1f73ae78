// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

// The characters that may stand in names, IDs and header values. Every position is in bytes.
namespace penstock::eventbus {

/// `!` to `~`: ASCII that leaves ink.
constexpr bool IsVisibleAscii(char c) { return c > ' ' && c < '\x7f'; }

/// Where `text` first has something else, or `npos`.
std::size_t FindNotVisibleAscii(std::string_view text);

/// `[A-Za-z0-9_-]`.
constexpr bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/// One UTF-8 sequence. `size` is 1 to 4, also for bytes that are none.
struct CodePoint {
  std::optional<char32_t>
      value{};  ///< nothing: the bytes are no UTF-8 (overlong, surrogate, cut short, beyond U+10FFFF)
  std::size_t size = 1;
};

/// The sequence at the start of `text`, which must not be empty.
CodePoint FirstCodePoint(std::string_view text);

/// Neither a space of any kind (U+0020, U+00A0, U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000) nor a
/// control character (below U+0020, U+007F to U+009F).
bool IsVisible(char32_t code_point);

bool IsUtf8(std::string_view text);

/// Where `text` first has something other than visible UTF-8, or `npos`.
std::size_t FindInvisible(std::string_view text);

}  // namespace penstock::eventbus
