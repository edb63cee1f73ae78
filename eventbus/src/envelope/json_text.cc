// SPDX-License-Identifier: Apache-2.0
#include "envelope/json_text.h"

#include <charconv>
#include <cstddef>
#include <cstdint>

namespace penstock::eventbus {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::size_t kUnicodeEscapeBytes = 6;  // as in \u00e4

constexpr bool IsHighSurrogate(char32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
constexpr bool IsLowSurrogate(char32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

void AppendUtf8(char32_t c, std::string& out) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  const auto continuation = [c](int shift) { return 0x80 | ((c >> shift) & 0x3F); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(continuation(6));
  } else {
    put(0xF0 | c >> 18);
    put(continuation(12));
    put(continuation(6));
  }
  put(continuation(0));
}

// The unit that an escape at the start of `text` stands for; 0, which is no surrogate, when there is none.
char32_t UnitAt(std::string_view text) {
  std::uint32_t unit = 0;
  if (text.starts_with("\\u")) std::from_chars(text.data() + 2, text.data() + kUnicodeEscapeBytes, unit, 16);
  return unit;
}

char SimpleEscape(char c) {
  switch (c) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return c;
  }
}

// Takes the escape, or two that are a pair, off `text`.
char32_t TakeUnicode(std::string_view& text) {
  const char32_t unit = UnitAt(text);
  text.remove_prefix(kUnicodeEscapeBytes);
  if (!IsHighSurrogate(unit)) return IsLowSurrogate(unit) ? kReplacement : unit;
  const char32_t low = UnitAt(text);
  if (!IsLowSurrogate(low)) return kReplacement;
  text.remove_prefix(kUnicodeEscapeBytes);
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

void TakeEscape(std::string_view& text, JsonText& out) {
  if (text[1] != 'u') {
    out.text += SimpleEscape(text[1]);
    text.remove_prefix(2);
    return;
  }
  const bool is_replacement = UnitAt(text) == kReplacement;
  const char32_t c = TakeUnicode(text);
  out.has_lone_surrogate = out.has_lone_surrogate || (c == kReplacement && !is_replacement);
  AppendUtf8(c, out.text);
}

}  // namespace

JsonText DecodeJsonText(std::string_view quoted) {
  JsonText out;
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  while (!text.empty()) {
    const std::string_view plain = text.substr(0, text.find('\\'));
    out.text += plain;
    text.remove_prefix(plain.size());
    if (!text.empty()) TakeEscape(text, out);
  }
  return out;
}

}  // namespace penstock::eventbus
