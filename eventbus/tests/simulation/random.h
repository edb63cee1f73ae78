// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock::eventbus::simulation {

/// Chance, the same on every machine (SplitMix64). Thread-compatible.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  /// From 0 to `bound` - 1; `bound` is above 0.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  /// From `first` to `last`, both included.
  std::uint64_t From(std::uint64_t first, std::uint64_t last) { return first + Below(last - first + 1); }
  /// So many times in a thousand.
  bool PerMille(std::uint64_t times) { return Below(1000) < times; }

  std::chrono::microseconds Between(std::chrono::microseconds first, std::chrono::microseconds last) {
    return std::chrono::microseconds(
        From(static_cast<std::uint64_t>(first.count()), static_cast<std::uint64_t>(last.count())));
  }
  /// Mostly short, seldom much longer: the minimum of some draws.
  std::chrono::microseconds Skewed(std::chrono::microseconds first, std::chrono::microseconds last) {
    const auto draw = [&] { return Between(first, last); };
    const auto one = draw(), other = draw(), third = draw();
    const auto smaller = one < other ? one : other;
    return smaller < third ? smaller : third;
  }

 private:
  std::uint64_t state_;
};

}  // namespace penstock::eventbus::simulation
