// SPDX-License-Identifier: Apache-2.0
#include "delivery/credit_window.h"

#include <algorithm>

namespace penstock::eventbus {

void CreditWindow::Weighed(std::size_t bytes) {
  average_bytes_x64_ = average_bytes_x64_ == 0 ? bytes * 64 : average_bytes_x64_ - average_bytes_x64_ / 64 + bytes;
}

// Changed by halves and doubles only, since a change asks something of the server.
std::size_t CreditWindow::Resize(std::size_t held_up) {
  std::size_t wanted = base_;
  if (overrun_)
    wanted = std::clamp<std::size_t>(max_bytes_ / std::max<std::size_t>(average_bytes_x64_ / 64, 1), 1, base_);
  if (held_up > wanted / 2) wanted = std::min(wanted + 2 * held_up, base_ * kWidest);
  const bool near = wanted < size_ + size_ / 2 && wanted > size_ / 2 && !(wanted == base_ && size_ < base_);
  if (near || wanted == size_) return 0;
  size_ = wanted;
  return wanted;
}

}  // namespace penstock::eventbus
