// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/loss_detector.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {

void LossDetector::Sent(Sending& sending, std::uint64_t number, std::uint64_t look) {
  sending = {.number = number, .look = look, .retry_at = 0, .attempts = sending.attempts + 1};
}

void LossDetector::Unclear(Sending& sending, std::uint64_t look) {
  sending.retry_at = look + std::min<std::uint64_t>(sending.attempts, 4);
}

// Which of several sendings an acknowledgement answers is not known: those prove nothing about the others.
void LossDetector::Acknowledged(const Sending& sending, std::uint64_t look) {
  if (sending.attempts != 1) return;
  acknowledged_ = std::max(acknowledged_, sending.number);
  acknowledged_look_ = look;
}

bool LossDetector::Lost(Sending& sending, std::uint64_t look) const {
  if (sending.number == 0) return false;
  if (sending.retry_at == 0 && sending.number < acknowledged_) sending.retry_at = look + 1;
  if (sending.retry_at != 0) return look >= sending.retry_at;
  const std::uint64_t silent = look - std::max(sending.look, acknowledged_look_);
  return silent >= (sending.attempts == 1 ? kPatience : kLongestPatience);
}

}  // namespace penstock::eventbus::jetstream
