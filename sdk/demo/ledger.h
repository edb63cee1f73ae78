// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "faults.h"
#include "history.h"
#include "latency_histogram.h"
#include "package_state.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/outcome.h"

namespace penstock::demo {

/// The sums of what the handlers saw.
struct Tally {
  std::uint64_t handled = 0;           ///< events that a handler finished, repetitions by the bus included
  std::uint64_t distinct = 0;          ///< of these: different ones
  std::uint64_t order_violations = 0;  ///< events that came out of their aggregate's turn, or while another was in hand
  std::uint64_t handled_twice = 0;
  std::uint64_t retried = 0;  ///< attempts after the first
  std::uint64_t failed = 0;   ///< attempts that we let fail
  std::uint64_t thrown = 0;   ///< attempts that we let throw
  std::uint64_t foreign = 0;  ///< envelopes that were none of ours, rejected
};

/// The demo's domain: what is published, what handles it, and the books on both.
///
/// A history is replayed `repeat` times, each time with aggregates of its own, `name:arch#2` and so on. Every envelope
/// carries its place in its aggregate's order; the handler folds the package's state and checks that place.
///
/// **Thread safety:** thread-safe. **Ownership:** the history must outlive it. **Blocking:** never.
class Ledger {
 public:
  Ledger(const History& history, const FaultOptions& faults, std::size_t repeat);

  std::size_t events() const { return events_; }
  std::size_t aggregates() const { return aggregates_.size(); }

  /// The envelope of event `number`, 0 to `events()` - 1, in the order of the history.
  Envelope MakeEnvelope(std::size_t number) const;

  /// Notes that event `number` is about to be published.
  void Sent(std::size_t number);

  /// The handler. `attempt` counts from 1. Throws `InjectedFault` where the plan says so.
  Outcome Handle(const Envelope& envelope, std::uint64_t attempt);

  std::uint64_t handled() const { return handled_.load(std::memory_order_seq_cst); }
  Tally tally() const;
  const LatencyHistogram& latency() const { return latency_; }

  /// The folded states of one repetition, from 0, in the order of the history's packages.
  std::vector<PackageState> States(std::size_t repetition) const;

 private:
  struct Aggregate {
    std::atomic<bool> in_hand{false};
    mutable Mutex mutex;
    PackageState state ABSL_GUARDED_BY(mutex);
    std::uint64_t next ABSL_GUARDED_BY(mutex) = 1;
    std::vector<bool> seen ABSL_GUARDED_BY(mutex);
  };
  struct Event {
    std::size_t number = 0;
    std::uint64_t sequence = 0;
    Aggregate* aggregate = nullptr;
  };

  std::string AggregateId(std::size_t repetition, std::size_t package) const;
  bool Recognise(const Envelope& envelope, Event& event);
  Outcome HandleInTurn(const Envelope& envelope, const Event& event, std::uint64_t attempt);
  Outcome Settle(const Envelope& envelope, const Event& event);

  const History& history_;
  const std::size_t repeat_;
  const std::size_t events_;
  const FaultPlan faults_;
  std::vector<Aggregate> aggregates_;
  std::unordered_map<std::string, std::size_t> by_id_;
  // Relaxed: each is written once, before its event is published, and read after it arrived.
  std::vector<std::atomic<std::int64_t>> sent_;
  LatencyHistogram latency_;
  // Sequentially consistent: whoever waits for room or the end announces that, then looks here.
  std::atomic<std::uint64_t> handled_{0};
  // Relaxed: statistics, complete once the bus is drained.
  std::atomic<std::uint64_t> distinct_{0};
  std::atomic<std::uint64_t> order_violations_{0};
  std::atomic<std::uint64_t> handled_twice_{0};
  std::atomic<std::uint64_t> retried_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> thrown_{0};
  std::atomic<std::uint64_t> foreign_{0};
};

}  // namespace penstock::demo
