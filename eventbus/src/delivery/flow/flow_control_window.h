// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// How many unsettled messages the server may have with us. While nothing is known of their sizes, as many as fit the
/// byte budget if all are as large as can be; then what fits by the average, but never more than four times what has
/// been weighed. Parked messages are unsettled too, so a key that waits widens the window by what it holds up, and the
/// others go on; what was widened stays so for a while, since where one message failed, others will. Thread-confined to
/// its flow.
class FlowControlWindow {
 public:
  /// The window is never wider than so many times its base.
  static constexpr std::size_t kWidest = 16;

  /// `largest`: bytes of the largest message there can be; 0: of no account.
  FlowControlWindow(std::size_t base, std::size_t max_bytes, std::size_t largest);

  /// A message of that many bytes arrived.
  void RecordSize(std::size_t bytes);
  /// So much was weighed that the window can be widened towards what fits.
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
