// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Limits the unacknowledged messages in flight so that they fit the byte budget. It begins with the number that fits
/// if every message is as large as possible, then uses the observed mean, and grows at most fourfold for each window of
/// observed messages. Parked messages are unacknowledged too: a key that waits widens the window by the messages it
/// holds up, so that other keys go on. A widened window stays for some time, since failures come in groups.
/// Thread-confined to its state machine.
class FlowControlWindow {
 public:
  /// The widest window, as a multiple of its base (`max_in_flight`).
  static constexpr std::size_t kWidest = 16;

  /// `largest`: bytes of the largest possible message; 0: unknown.
  FlowControlWindow(std::size_t base, std::size_t max_bytes, std::size_t largest);

  /// A message of that many bytes arrived.
  void RecordSize(std::size_t bytes);
  /// Enough sizes were seen to grow towards the number of messages that fits.
  bool can_grow() const { return size_ < base_ && recorded_ >= size_ && TargetSize() > size_; }

  /// The window that is wanted now, or 0 when the present one will do.
  std::size_t Resize(std::size_t held_up, TimePoint now);

  std::size_t size() const { return size_; }
  bool widest() const { return size_ >= base_ * kWidest; }

 private:
  std::size_t TargetSize() const;
  bool StaysWide(TimePoint now) const;

  const std::size_t base_;
  const std::size_t max_bytes_;
  std::size_t size_;
  std::size_t recorded_ = 0;           // since the window was narrowed
  std::size_t average_bytes_x64_ = 0;  // 64 times the moving average
  TimePoint needed_{};                 // when all of it was wanted last
};

}  // namespace penstock::eventbus
