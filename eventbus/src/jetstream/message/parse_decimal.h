// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// A number as it begins a text: how many digits it has there, and its value if they are 19 at most, which always fit.
struct LeadingDecimal {
  std::size_t count = 0;
  std::uint64_t value = 0;
};
inline constexpr std::size_t kMostDigits = 19;

/// Eight characters at once: their leading digits, as a number. Little-endian machines only.
inline LeadingDecimal ParseEightCharacters(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t digits = 0;
  std::memcpy(&digits, text, sizeof(digits));
  digits ^= kOnes * '0';  // now a digit is its value, and the first byte above 9 ends the number
  const std::uint64_t ends = (digits | (digits + kOnes * (0x80 - 10))) & (kOnes * 0x80);
  const auto count = static_cast<std::size_t>(std::countr_zero(ends)) / 8;
  if (count == 0) return {};
  digits <<= 8 * (8 - count);  // the first digit is in the lowest byte: zeros before it
  digits = digits * 10 + (digits >> 8);
  digits = ((digits & 0x000000FF000000FF) * 0x000F424000000064 +
            ((digits >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
           32;
  return {count, digits};
}

/// Parses the digits at the start of `text`. Eight at a time where the machine allows it: beside bodies, most of what
/// comes over the wire is numbers (the technique is D. Lemire's, "parse eight digits").
inline LeadingDecimal ParseLeadingDecimal(std::string_view text) {
  static constexpr std::array<std::uint64_t, 9> kPowers = {1,      10,      100,      1000,     10000,
                                                           100000, 1000000, 10000000, 100000000};
  LeadingDecimal read;
  if constexpr (std::endian::native == std::endian::little) {
    while (text.size() - read.count >= sizeof(std::uint64_t)) {
      const LeadingDecimal next = ParseEightCharacters(text.data() + read.count);
      read.value = read.value * kPowers[next.count] + next.value;
      read.count += next.count;
      if (next.count < 8) return read;
    }
  }
  for (; read.count < text.size(); ++read.count) {
    const unsigned digit = static_cast<unsigned char>(text[read.count]) - unsigned{'0'};
    if (digit > 9) break;
    read.value = read.value * 10 + digit;
  }
  return read;
}

}  // namespace penstock::eventbus::jetstream
