// SPDX-License-Identifier: Apache-2.0
#include "delivery/flow/flow_control.h"

#include <algorithm>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kWidenAgain{20};

}  // namespace

void FlowControl::AddCredit(Actions& out) {
  if (owed_ > 0) {
    --owed_;
  } else {
    ++out.credit;
  }
}

void FlowControl::AddForgottenCredit(Actions& out) {
  for (; forgotten_ > 0; --forgotten_) AddCredit(out);
}

void FlowControl::Charge(InFlightMessage& item, std::size_t bytes) {
  bytes_ += bytes - item.charged;
  item.charged = bytes;
}

// The transport counts credit message by message, so a change of the window changes the credit by the difference.
void FlowControl::Resize(std::size_t held_up, TimePoint now, Actions& out) {
  next_widening_ = now + kWidenAgain;
  const std::size_t before = window_.size();
  const std::size_t wanted = window_.Resize(held_up, now);
  if (wanted == 0) return;
  out.window = wanted;
  if (wanted < before) {
    owed_ += before - wanted;
    return;
  }
  const std::size_t more = wanted - before;
  const std::size_t settled = std::min(owed_, more);
  owed_ -= settled;
  out.credit += more - settled;
}

}  // namespace penstock::eventbus
