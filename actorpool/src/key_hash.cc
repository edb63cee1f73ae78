// SPDX-License-Identifier: Apache-2.0
#include "key_hash.h"

#include <endian.h>

#include <cstring>

namespace penstock::actorpool {
namespace {

constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995;

/// Eight bytes as a little-endian number, on a machine of either byte order.
std::uint64_t LoadLittleEndian(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return le64toh(word);
}

/// The last `count` bytes of `key`, 1 to 7, as a little-endian number. In a key of 8 bytes or more, one load reads them
/// together with the bytes before them.
std::uint64_t LoadTail(std::string_view key, std::size_t count) {
  if (key.size() >= 8) return LoadLittleEndian(key.data() + key.size() - 8) >> (64 - 8 * count);
  std::uint64_t word = 0;
  for (std::size_t i = count; i-- > 0;) word = word << 8 | static_cast<unsigned char>(key[i]);
  return word;
}

constexpr std::uint64_t ShiftMix(std::uint64_t value) { return value ^ (value >> 47); }

}  // namespace

std::uint64_t KeyHash(std::string_view key, std::uint64_t seed) {
  std::uint64_t hash = seed ^ (key.size() * kMultiplier);
  const std::size_t tail = key.size() % 8;
  for (std::size_t i = 0; i + 8 <= key.size(); i += 8) {
    hash ^= ShiftMix(LoadLittleEndian(key.data() + i) * kMultiplier) * kMultiplier;
    hash *= kMultiplier;
  }
  if (tail > 0) hash = (hash ^ LoadTail(key, tail)) * kMultiplier;
  return ShiftMix(ShiftMix(hash) * kMultiplier);
}

}  // namespace penstock::actorpool
