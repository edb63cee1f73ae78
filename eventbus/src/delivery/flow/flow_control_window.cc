// SPDX-License-Identifier: Apache-2.0
#include "delivery/flow/flow_control_window.h"

#include <algorithm>

namespace penstock::eventbus {
namespace {

constexpr std::size_t kGrowth = 4;
// Narrowing and widening again costs more than the width does: each asks the server to write the consumer down.
constexpr std::chrono::seconds kStaysWide{5};

}  // namespace

FlowControlWindow::FlowControlWindow(std::size_t base, std::size_t max_bytes, std::size_t largest)
    : base_(base),
      max_bytes_(max_bytes),
      size_(largest == 0 ? base : std::clamp<std::size_t>(max_bytes / largest, 1, base)) {}

void FlowControlWindow::RecordSize(std::size_t bytes) {
  ++recorded_;
  average_bytes_x64_ = average_bytes_x64_ == 0 ? bytes * 64 : average_bytes_x64_ - average_bytes_x64_ / 64 + bytes;
}

std::size_t FlowControlWindow::TargetSize() const {
  if (average_bytes_x64_ == 0) return std::min(size_, base_);
  return std::clamp<std::size_t>(max_bytes_ / std::max<std::size_t>(average_bytes_x64_ / 64, 1), 1, base_);
}

// Changed only when it would grow by half or shrink to half, since each change costs a request to the server.
std::size_t FlowControlWindow::Resize(std::size_t held_up, TimePoint now) {
  std::size_t wanted = TargetSize();
  if (wanted > size_) wanted = recorded_ >= size_ ? std::min(wanted, kGrowth * size_) : size_;
  if (held_up > wanted / 2) wanted = std::min(wanted + 2 * held_up, base_ * kWidest);
  if (wanted >= size_) needed_ = now;
  const bool near = wanted < size_ + size_ / 2 && wanted > size_ / 2 && !(wanted == base_ && size_ < base_);
  if (near || wanted == size_ || (wanted < size_ && StaysWide(now))) return 0;
  if (wanted < size_) recorded_ = 0;
  size_ = wanted;
  return wanted;
}

bool FlowControlWindow::StaysWide(TimePoint now) const {
  return size_ * average_bytes_x64_ / 64 <= max_bytes_ && now - needed_ < kStaysWide;
}

}  // namespace penstock::eventbus
