// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/container/btree_map.h"
#include "memory/memory_message.h"
#include "memory/memory_stream.h"
#include "transport/transport.h"

namespace penstock::eventbus::memory {

/// Where one consumer stands in its stream: what it has had, what is unsettled, what comes again and when. Pure: no
/// thread, no clock of its own, so time is the caller's.
///
/// **Thread safety:** thread-confined (to the broker's lock).
/// **Ordering:** messages that come again go before new ones, in the order in which they became due: Naks in the order
/// of the Naks, those whose time ran out together in stream order, and everything in stream order after `RequeueAll`.
class MemoryConsumer {
 public:
  /// Begins behind the message `after`: 0 for all that the stream has. Beyond `spec.max_in_flight` unsettled messages
  /// nothing new is taken; redeliveries are not bound by it. `kAtMostOnce`: what was taken is settled. An empty filter
  /// takes everything.
  MemoryConsumer(ConsumerSpec spec, std::uint64_t after);

  const ConsumerSpec& spec() const { return spec_; }
  /// Changes what may change while it lives. Deadlines that are running stay.
  void Adjust(std::chrono::milliseconds ack_wait, std::size_t max_in_flight);

  /// How many messages `Take` could return now, at most.
  std::size_t Available(const MemoryStream& stream) const;

  /// Takes the next messages, `limit` at most; they stay unsettled until `Acknowledge`, unless at most once.
  std::vector<Taken> Take(const MemoryStream& stream, std::size_t limit, TimePoint now);

  /// Answers the delivery of `sequence`, whichever it was; what is not unsettled is ignored.
  void Acknowledge(std::uint64_t sequence, AckType type, TimePoint now);

  /// Another owner took over: everything unsettled comes again at once, in stream order.
  void RequeueAll();

  /// Requeues what is due: unanswered for `ack_wait` (noticed up to 10 ms late).
  void WakeDue(TimePoint now);

  /// When `WakeDue` may next find something; `TimePoint::max()` for never.
  TimePoint NextDue() const { return next_overdue_; }

  /// Messages taken and not settled.
  std::size_t unsettled() const { return outstanding_.size(); }

 private:
  enum class Whereabouts {
    kOut,     ///< with the owner until `due`
    kQueued,  ///< in `again_`
  };
  struct OutstandingDeliveries {
    Whereabouts whereabouts = Whereabouts::kOut;
    TimePoint due{};
    std::uint64_t deliveries = 1;
  };

  void TakeAgain(const MemoryStream& stream, std::size_t limit, TimePoint now, std::vector<Taken>& taken);
  void TakeNew(const MemoryStream& stream, std::size_t limit, TimePoint now, std::vector<Taken>& taken);
  bool acknowledges() const { return spec_.kind != ConsumerKind::kAtMostOnce; }
  std::size_t Room() const;
  TimePoint AckDeadline(TimePoint now);
  void Queue(std::uint64_t sequence, OutstandingDeliveries& message);

  ConsumerSpec spec_;
  std::uint64_t position_;  ///< the last message taken for the first time, or passed over by the filter
  absl::btree_map<std::uint64_t, OutstandingDeliveries> outstanding_;
  /// Sequences to take again. May name messages that were settled meanwhile, which are no longer in `outstanding_`.
  std::deque<std::uint64_t> again_;
  /// When to look for messages whose time ran out.
  TimePoint next_overdue_ = TimePoint::max();
};

}  // namespace penstock::eventbus::memory
