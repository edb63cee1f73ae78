// SPDX-License-Identifier: Apache-2.0
#include "key_hash.h"

#include <bit>
#include <cstring>

namespace penstock::actorpool {
namespace {

constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;

/// Up to eight bytes as a little-endian number, whatever the machine's order.
std::uint64_t LoadLittleEndian(const char* bytes, std::size_t count) {
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, bytes, count);
  } else {
    for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return word;
}

constexpr std::uint64_t ShiftMix(std::uint64_t value) { return value ^ (value >> 47); }

}  // namespace

std::uint64_t KeyHash(std::string_view key, std::uint64_t seed) {
  std::uint64_t hash = seed ^ (key.size() * kMultiplier);
  while (key.size() >= 8) {
    hash ^= ShiftMix(LoadLittleEndian(key.data(), 8) * kMultiplier) * kMultiplier;
    hash *= kMultiplier;
    key.remove_prefix(8);
  }
  if (!key.empty()) hash = (hash ^ LoadLittleEndian(key.data(), key.size())) * kMultiplier;
  return ShiftMix(ShiftMix(hash) * kMultiplier);
}

}  // namespace penstock::actorpool
