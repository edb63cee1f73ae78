// SPDX-License-Identifier: Apache-2.0
#include <openssl/sha.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <ratio>
#include <string>
#include <string_view>

#include "penstock/eventbus/envelope.h"

namespace penstock {
namespace {

// 48 bits of milliseconds and 12 of their fraction: the part of a UUID version 7 that ascends (RFC 9562, 6.2, method
// 3). From microseconds, since nanoseconds times 4096 do not fit 64 bits.
std::uint64_t Now() {
  using Microseconds = std::chrono::duration<std::uint64_t, std::micro>;
  using Ticks = std::chrono::duration<std::uint64_t, std::ratio<1, 1000 * 4096>>;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<Ticks>(std::chrono::duration_cast<Microseconds>(now)).count();
}

// Unique and ascending over all threads, also when the clock stands still or goes back: then it counts on from the
// last. Relaxed order suffices, since nothing else is published through it.
std::uint64_t NextTick() {
  static std::atomic<std::uint64_t> last{0};
  const std::uint64_t now = Now();
  std::uint64_t previous = last.load(std::memory_order_relaxed);
  std::uint64_t next = 0;
  do {
    next = now > previous ? now : previous + 1;
  } while (!last.compare_exchange_weak(previous, next, std::memory_order_relaxed));
  return next;
}

std::uint64_t Random() {
  thread_local std::mt19937_64 random = [] {
    std::random_device seed;
    return std::mt19937_64(std::uint64_t{seed()} << 32 | seed());
  }();
  return random();
}

// The bytes of 3f1c2a52-8f0e-5d6b-9a57-6a1f0c3b7e90.
constexpr std::string_view kNamespace = "\x3f\x1c\x2a\x52\x8f\x0e\x5d\x6b\x9a\x57\x6a\x1f\x0c\x3b\x7e\x90";

// Writes the lowest digits of `value` from `at` on.
void PutHex(std::uint64_t value, std::size_t digits, std::size_t at, std::string& out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (std::size_t i = digits; i-- > 0; value >>= 4) out[at + i] = kDigits[value & 0xF];
}

}  // namespace

std::string NewEventId() {
  const std::uint64_t tick = NextTick();
  const std::uint64_t random = Random();
  std::string id = "........-....-7...-....-............";
  PutHex(tick >> 28, 8, 0, id);
  PutHex(tick >> 12, 4, 9, id);
  PutHex(tick, 3, 15, id);
  PutHex((random >> 48 & 0x3FFF) | 0x8000, 4, 19, id);
  PutHex(random, 12, 24, id);
  return id;
}

std::string DerivedEventId(std::string_view event_id, std::string_view purpose) {
  std::string text(kNamespace);
  text.append(event_id).append("\n").append(purpose);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  const auto bytes = [&digest](std::size_t from, std::size_t to) {
    std::uint64_t value = 0;
    for (std::size_t i = from; i < to; ++i) value = value << 8 | digest.at(i);
    return value;
  };
  std::string id = "........-....-5...-....-............";
  PutHex(bytes(0, 4), 8, 0, id);
  PutHex(bytes(4, 6), 4, 9, id);
  PutHex(bytes(6, 8), 3, 15, id);
  PutHex((bytes(8, 10) & 0x3FFF) | 0x8000, 4, 19, id);
  PutHex(bytes(10, 16), 12, 24, id);
  return id;
}

}  // namespace penstock
