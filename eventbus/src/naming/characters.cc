// SPDX-License-Identifier: Apache-2.0
#include "naming/characters.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace penstock::eventbus {
namespace {

constexpr bool IsContinuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Length by the lead byte; 0 for bytes that begin nothing: continuations, C0, C1 and F5 upwards, which only overlong
// forms and values beyond Unicode would need.
constexpr std::size_t SequenceSize(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

constexpr bool IsScalarOfSize(char32_t value, std::size_t size) {
  if (size == 3) return value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
  if (size == 4) return value >= 0x10000 && value <= 0x10FFFF;
  return true;
}

// Whether eight bytes are all visible ASCII: none is above '~', none below '!'. Where the subtraction borrows from a
// neighbour, a byte below '!' has already answered.
bool AreVisibleAscii(const char* eight) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, eight, sizeof(bytes));
  const std::uint64_t outside = bytes | (bytes + kOnes) | (bytes - kOnes * '!');
  return (outside & (kOnes * 0x80)) == 0;
}

}  // namespace

std::size_t FindNotVisibleAscii(std::string_view text) {
  constexpr std::size_t kStep = sizeof(std::uint64_t);
  std::size_t position = 0;
  if (text.size() >= kStep) {
    const std::size_t last = text.size() - kStep;
    while (position <= last && AreVisibleAscii(text.data() + position)) position += kStep;
    if (position > last && AreVisibleAscii(text.data() + last)) return std::string_view::npos;
  }
  while (position < text.size() && IsVisibleAscii(text[position])) ++position;
  return position < text.size() ? position : std::string_view::npos;
}

CodePoint FirstCodePoint(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = SequenceSize(lead);
  if (size == 1) return {.value = lead, .size = 1};
  if (size == 0 || size > text.size()) return {.value = std::nullopt, .size = 1};
  char32_t value = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (!IsContinuation(byte)) return {.value = std::nullopt, .size = 1};
    value = (value << 6) | (byte & 0x3FU);
  }
  if (!IsScalarOfSize(value, size)) return {.value = std::nullopt, .size = 1};
  return {.value = value, .size = size};
}

bool IsVisible(char32_t code_point) {
  constexpr std::u32string_view kSpaces = U"\u1680\u2028\u2029\u202F\u205F\u3000";
  if (code_point <= 0x20 || (code_point >= 0x7F && code_point <= 0xA0)) return false;
  if (code_point >= 0x2000 && code_point <= 0x200A) return false;
  return kSpaces.find(code_point) == std::u32string_view::npos;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint next = FirstCodePoint(text);
    if (!next.value.has_value()) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

std::size_t FindInvisible(std::string_view text) {
  std::size_t position = std::min(FindNotVisibleAscii(text), text.size());
  while (position < text.size()) {
    if (IsVisibleAscii(text[position])) {
      ++position;
      continue;
    }
    const CodePoint next = FirstCodePoint(text.substr(position));
    if (!next.value.has_value() || !IsVisible(*next.value)) return position;
    position += next.size;
  }
  return std::string_view::npos;
}

}  // namespace penstock::eventbus
