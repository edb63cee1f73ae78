// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "delivery/actions.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// When the message's handler began; `TimePoint{}` when it has not begun.
TimePoint HandlerBegunAt(const InFlightMessage& item);

/// Finds the handlers that run for longer than `EnvelopeSubscribeOptions::stuck_after`, and reports each of them once.
/// Thread-confined to its state machine.
class StuckHandlers {
 public:
  /// With 0 no handler counts as stuck.
  explicit StuckHandlers(std::chrono::milliseconds stuck_after) : stuck_after_(stuck_after) {}

  /// Reports the handler of a message that is dispatched if it has become stuck.
  void Check(InFlightMessage& item, TimePoint now, Actions& out);

  /// The message's handler has ended.
  void Finished(InFlightMessage& item);

  /// How many are stuck now.
  std::size_t size() const { return size_; }

 private:
  const std::chrono::milliseconds stuck_after_;
  std::size_t size_ = 0;
};

}  // namespace penstock::eventbus
