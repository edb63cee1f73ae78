// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace penstock::chaos {

/// How many events the publisher may have begun: so many that traffic flows through the whole of each fault, and that
/// no event is left over for the last faults too few.
///
/// Up to the point where the next fault is due it goes as fast as the consumer follows; while a fault is on, what is
/// left up to that point is spread over the time the fault takes. At that point it slows to a trickle until the next
/// fault begins.
///
/// Thread-compatible.
class Pace {
 public:
  /// At least `window` events may be begun and not ended, where that is more than a twentieth of all.
  explicit Pace(std::size_t events, std::size_t window = 1);

  /// Goes as fast as it can up to `next_point` events.
  void Free(std::size_t next_point);
  /// Spreads what is left up to `next_point` over `time`.
  void Spread(std::size_t next_point, std::chrono::milliseconds time);

  /// Lets `elapsed` pass. `ended` is how many events have ended so far. Never less than it returned before.
  std::size_t Allow(std::chrono::nanoseconds elapsed, std::size_t ended);

 private:
  const std::size_t events_;
  const std::size_t window_;  // events begun and not ended, at most
  double allowed_ = 0;
  double per_second_ = 0;  // 0: free
  std::size_t point_ = 0;
};

}  // namespace penstock::chaos
