// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace penstock::eventbus::jetstream {

/// Decides when an owner that gets nothing looks whether the server waits for answers that it has given, and when it
/// does. A server that changed its leader can have lost acknowledgements: it counts messages as pending that are not in
/// hand here, and when they fill the window it sends nothing more until AckWait. Twice, since answers may be under way.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class AckAudit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Whether to look, with the last delivery at `last`.
  bool Due(Time now, Time last) const { return now - last >= kIdle && last != in_order_; }

  /// A look showed: so many are pending at the server, so many in hand. True: synchronise.
  bool Saw(std::size_t pending, std::size_t in_hand, Time last) {
    const bool too_many = pending > in_hand;
    suspicions_ = too_many ? suspicions_ + 1 : 0;
    if (!too_many) in_order_ = last;
    return suspicions_ >= 2;
  }

  /// Synchronised.
  void Restart() { suspicions_ = 0; }

 private:
  static constexpr std::chrono::milliseconds kIdle{1000};

  int suspicions_ = 0;  // in a row
  Time in_order_{};     // the last delivery before the last look that found all in order
};

}  // namespace penstock::eventbus::jetstream
