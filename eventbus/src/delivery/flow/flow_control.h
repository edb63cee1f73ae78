// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "delivery/actions.h"
#include "delivery/delivery_options.h"
#include "delivery/flow/flow_control_window.h"
#include "delivery/in_flight_message.h"
#include "delivery/in_flight_table.h"
#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// Credit for the server and bytes in memory: how many messages it may send, and how many bytes those here take. There
/// is no limit per key: `FlowControlWindow` bounds the messages of the whole subscription, to `max_in_flight`, or up to
/// `FlowControlWindow::kWidest` times that while messages wait behind others of their key. A message that does not fit
/// the budget of bytes is evicted, that is, its body is dropped, and it is requested again when its turn has come and
/// there is room. Thread-confined to its state machine.
class FlowControl {
 public:
  FlowControl(const DeliveryOptions& options, InFlightTable& table, SubscriptionStats& counters)
      : max_bytes_(options.max_bytes),
        table_(table),
        counters_(counters),
        window_(options.max_in_flight, options.max_bytes, options.largest_message) {}

  /// A message is over: the server may send another, unless the window was narrowed since.
  void AddCredit(Actions& out);
  /// A message was dropped outside of an event that returns actions; `AddForgottenCredit` returns its credit.
  void Forget() { ++forgotten_; }
  void AddForgottenCredit(Actions& out);

  /// Counts the bytes of a message that arrived, and makes room or evicts it.
  void Admit(InFlightMessage& item);
  /// Drops the body; the key stays.
  void Evict(InFlightMessage& item);
  /// Reserves room for an evicted message that is next to be requested again. False when there is none now.
  /// `idle`: nothing runs that would make room by ending.
  bool Reserve(InFlightMessage& item, bool idle);
  /// Sets how many bytes of the message count against the budget.
  void Charge(InFlightMessage& item, std::size_t bytes);
  /// One message alone may exceed the budget.
  bool IsOverBudget(const InFlightMessage& item) const { return bytes_ > max_bytes_ && bytes_ != item.charged; }
  std::size_t bytes() const { return bytes_; }

  /// Enough sizes were seen to widen the window.
  bool can_grow() const { return window_.can_grow(); }
  /// Adjusts the window; `held_up` messages wait behind another of their key.
  void Resize(std::size_t held_up, TimePoint now, Actions& out);
  /// Whether so many parked messages may soon fill the window, which would stop the keys that do not wait.
  bool IsCrowdedBy(std::size_t parked) const { return !window_.widest() && parked > window_.size() / 2; }
  /// The earliest time of the next `Resize` for a crowded window.
  TimePoint next_widening() const { return next_widening_; }
  std::size_t window() const { return window_.size(); }

 private:
  bool Fits(std::size_t bytes) const { return bytes_ == 0 || bytes_ + bytes <= max_bytes_; }
  void EvictParked(std::size_t until_bytes);
  void GiveUpRoomOfLater(const InFlightMessage& item);

  const std::size_t max_bytes_;
  InFlightTable& table_;
  SubscriptionStats& counters_;
  FlowControlWindow window_;
  std::size_t bytes_ = 0;
  std::size_t forgotten_ = 0;  // messages whose credit was not returned yet
  std::size_t owed_ = 0;       // credit to keep back, since the window was narrowed
  TimePoint next_widening_{};
};

}  // namespace penstock::eventbus
