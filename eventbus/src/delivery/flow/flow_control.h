// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "delivery/actions.h"
#include "delivery/flow/flow_control_window.h"
#include "delivery/flow_options.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Credit for the server and bytes in memory: how many messages it may send, and how many bytes those here take. There
/// is no limit per key: `FlowControlWindow` bounds the messages of the whole subscription, to `max_in_flight`, or up to
/// `FlowControlWindow::kWidest` times that while messages wait behind others of their key. Thread-confined to its state
/// machine.
class FlowControl {
 public:
  explicit FlowControl(const FlowOptions& options)
      : max_bytes_(options.max_bytes), window_(options.max_in_flight, options.max_bytes, options.largest_message) {}

  /// A message is over: the server may send another, unless the window was narrowed since.
  void AddCredit(Actions& out);
  /// A message was dropped outside of an event that returns actions; `AddForgottenCredit` returns its credit.
  void Forget() { ++forgotten_; }
  void AddForgottenCredit(Actions& out);

  /// Sets how many bytes of the message count against the budget.
  void Charge(InFlightMessage& item, std::size_t bytes);
  bool Fits(std::size_t bytes) const { return bytes_ == 0 || bytes_ + bytes <= max_bytes_; }
  /// One message alone may exceed the budget.
  bool IsOverBudget(const InFlightMessage& item) const { return bytes_ > max_bytes_ && bytes_ != item.charged; }
  std::size_t bytes() const { return bytes_; }
  std::size_t max_bytes() const { return max_bytes_; }

  /// A message of that many bytes arrived.
  void RecordSize(std::size_t bytes) { window_.RecordSize(bytes); }
  bool can_grow() const { return window_.can_grow(); }
  /// Adjusts the window; `held_up` messages wait behind another of their key.
  void Resize(std::size_t held_up, TimePoint now, Actions& out);
  /// Whether so many parked messages may soon fill the window, which would stop the keys that do not wait.
  bool IsCrowdedBy(std::size_t parked) const { return !window_.widest() && parked > window_.size() / 2; }
  /// The earliest time of the next `Resize` for a crowded window.
  TimePoint next_widening() const { return next_widening_; }
  std::size_t window() const { return window_.size(); }

 private:
  const std::size_t max_bytes_;
  FlowControlWindow window_;
  std::size_t bytes_ = 0;
  std::size_t forgotten_ = 0;  // messages whose credit was not returned yet
  std::size_t owed_ = 0;       // credit to keep back, since the window was narrowed
  TimePoint next_widening_{};
};

}  // namespace penstock::eventbus
