// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "naming/characters.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kQuotedBytes = 128;
constexpr std::string_view kHexDigits = "0123456789ABCDEF";

void AppendHex(char c, std::string& out) {
  const auto byte = static_cast<unsigned char>(c);
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 0xF];
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
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
  for (const char c : text.substr(0, next.size)) {
    out += "\\x";
    AppendHex(c, out);
  }
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
      out += '%';
      AppendHex(c, out);
    }
  }
  return out;
}

std::string PercentDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size();
    const int high = escape ? HexValue(text[i + 1]) : -1;
    const int low = escape ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(high * 16 + low);
    i += 2;
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
