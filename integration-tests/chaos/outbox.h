// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chaos/event_plan.h"
#include "chaos/ledger.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::chaos {

/// Publishes a plan's events in its order and keeps the books on them, so that another process can go on where this one
/// was killed: an outbox as the outbox pattern has it.
///
/// **Thread safety:** thread-confined; the bus tells it of acknowledgements on its own thread.
/// **Ownership:** plan and ledger must outlive it. **Blocking:** `Publish` as the bus does, `AwaitAcks` until the end.
/// **Ordering:** what ended with an error is published again, with the same ID, before anything later.
class Outbox {
 public:
  /// `past` is what the ledger says already.
  Outbox(std::uint64_t seed, const EventPlan& plan, const LedgerWriter& ledger, std::uint16_t incarnation,
         const std::vector<Record>& past);

  /// Attempted before, never acknowledged: to be published again before all else.
  bool has_backlog() const { return !backlog_.empty(); }
  /// The first event that was never attempted.
  std::size_t next() const { return next_; }

  void PublishBacklog(EventBus& bus);
  /// Publishes event `next()`.
  void PublishNext(EventBus& bus);
  /// Waits until every event published so far is acknowledged, publishing again what failed.
  void AwaitAcks(EventBus& bus);

 private:
  void Publish(EventBus& bus, std::size_t index);
  void PublishFailed(EventBus& bus);
  void OnEnd(std::size_t index, const absl::StatusOr<PubAck>& ack);

  const std::uint64_t seed_;
  const std::vector<EventRef>& events_;
  const LedgerWriter& ledger_;
  const std::uint16_t incarnation_;
  std::size_t next_ = 0;
  std::vector<std::size_t> backlog_{};

  Mutex mutex_;
  CondVar ended_;
  std::size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::size_t> failed_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace penstock::chaos
