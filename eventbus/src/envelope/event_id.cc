// SPDX-License-Identifier: Apache-2.0
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

}  // namespace penstock
