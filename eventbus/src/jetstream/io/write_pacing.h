// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::eventbus::jetstream {

/// Decides when the loop writes queued data, and how long it may sleep. A write costs the same for one message as for
/// hundreds, and so does a wake-up. So urgent data, which somebody waits for, is written at most every 200 us, other
/// data (acknowledgements) within a millisecond, and while there is traffic the loop polls instead of being woken. For
/// publishes `Publisher::LeaveToLoop` decides first, by number and bytes: it leaves them to the loop, as urgent or not,
/// or lets the publishing thread write. The figures are in docs/lab.md.
///
/// A pure function of the times it is told. **Thread safety:** thread-confined.
class WritePacing {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kSoon{200};
  static constexpr std::chrono::microseconds kLate{1000};
  static constexpr std::chrono::nanoseconds kNever = std::chrono::nanoseconds::max();

  void Wrote(Clock::time_point now, bool urgent) {
    wrote_at_ = now;
    wrote_urgently_ = urgent;
  }
  void Received(Clock::time_point now) { received_at_ = now; }

  /// How long the queue may wait, if it is not empty: `urgent` when somebody waits for what is in it.
  std::chrono::nanoseconds UntilWrite(Clock::time_point now, bool urgent) const {
    const auto due = wrote_at_ + (urgent ? kSoon : kLate);
    return std::max<std::chrono::nanoseconds>(due - now, std::chrono::nanoseconds(0));
  }

  /// How long the loop may sleep without being woken. `until_write` is `kNever` for an empty queue.
  std::chrono::nanoseconds LongestSleep(Clock::time_point now, std::chrono::nanoseconds until_write) const {
    if (publishing(now)) return std::min<std::chrono::nanoseconds>(until_write, wrote_at_ + kSoon - now);
    if (until_write != kNever) return until_write;
    if (now < received_at_ + kLate) return received_at_ + kLate - now;
    return kNever;
  }

  /// Whether publish follows publish: their answers can then be read when the next ones are written.
  bool publishing(Clock::time_point now) const { return wrote_urgently_ && now < wrote_at_ + kSoon; }

 private:
  Clock::time_point wrote_at_{};
  Clock::time_point received_at_{};
  bool wrote_urgently_ = false;
};

}  // namespace penstock::eventbus::jetstream
