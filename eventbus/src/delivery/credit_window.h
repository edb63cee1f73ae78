// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace penstock::eventbus {

/// How many unsettled messages the server may have with us. Parked ones are unsettled too, so a key that waits widens
/// the window by what it holds up, and the others go on; messages too large for the byte budget narrow it.
/// Thread-confined to its flow.
class CreditWindow {
 public:
  /// The window is never wider than so many times its base.
  static constexpr std::size_t kWidest = 16;

  CreditWindow(std::size_t base, std::size_t max_bytes) : base_(base), max_bytes_(max_bytes), size_(base) {}

  /// A message of that many bytes arrived.
  void Weighed(std::size_t bytes);
  /// A message had to be put down.
  void Overrun() { overrun_ = true; }

  /// The window that is wanted now, or 0 when the present one will do.
  std::size_t Resize(std::size_t held_up);

  std::size_t size() const { return size_; }

 private:
  const std::size_t base_;
  const std::size_t max_bytes_;
  std::size_t size_;
  std::size_t average_bytes_x64_ = 0;  // 64 times the moving average
  bool overrun_ = false;               // ever: else nothing is too large
};

}  // namespace penstock::eventbus
