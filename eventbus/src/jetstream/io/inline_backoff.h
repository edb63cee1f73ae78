// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::eventbus::jetstream {

/// For how long the I/O thread runs no handlers after one of them took long: 100 ms at first, twice as long each time
/// it happens again within the length of the last pause, 10 s at most. Thread-compatible.
class InlineBackoff {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFirst{100};
  static constexpr std::chrono::milliseconds kLongest{10'000};

  bool over(Clock::time_point now) const { return now >= until_; }

  /// A handler took long.
  void Begin(Clock::time_point now) {
    const bool again = now < until_ + length_;
    length_ = again ? std::min(length_ * 2, kLongest) : kFirst;
    until_ = now + length_;
  }

 private:
  std::chrono::milliseconds length_{0};
  Clock::time_point until_{};
};

}  // namespace penstock::eventbus::jetstream
