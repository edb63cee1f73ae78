// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

#include "naming/characters.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kQuotedBytes = 128;
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

void AppendHex(std::string_view mark, char c, std::string& out) {
  const auto byte = static_cast<unsigned char>(c);
  out += mark;
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 0xF];
}

// Appends the sequence at the start of `text` as it stands when it is harmless in a log line; returns its size.
std::size_t AppendEscaped(std::string_view text, std::string& out) {
  const CodePoint next = FirstCodePoint(text);
  const bool harmless = next.value.has_value() && (*next.value == ' ' || IsVisible(*next.value));
  if (harmless) {
    if (*next.value == '"' || *next.value == '\\') out += '\\';
    out += text.substr(0, next.size);
    return next.size;
  }
  for (const char c : text.substr(0, next.size)) AppendHex("\\x", c, out);
  return next.size;
}

}  // namespace

std::string PercentEncode(std::string_view text) {
  const auto plain = [](char c) { return IsVisibleAscii(c) && c != '%'; };
  if (std::ranges::all_of(text, plain)) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (plain(c)) {
      out += c;
    } else {
      AppendHex("%", c, out);
    }
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char byte = text[i];
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* const end = text.data() + i + 3;
      unsigned escaped = 0;
      if (std::from_chars(end - 2, end, escaped, 16).ptr == end) {
        byte = static_cast<char>(escaped);
        i += 2;
      }
    }
    out += byte;
  }
  return out;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  std::size_t position = 0;
  while (position < text.size() && position < kQuotedBytes) position += AppendEscaped(text.substr(position), out);
  out += position < text.size() ? "\"..." : "\"";
  return out;
}

}  // namespace penstock::eventbus
