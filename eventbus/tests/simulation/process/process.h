// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "bus/handle/expiry.h"
#include "bus/handle/time_limit.h"
#include "delivery/delivery_state_machine.h"
#include "simulation/cancel/model_cancel_watch.h"
#include "simulation/conditions.h"
#include "simulation/delay/model_relay.h"
#include "simulation/invariant_checker.h"
#include "simulation/model_consumer.h"
#include "simulation/model_pool.h"
#include "simulation/priority_checker.h"

namespace penstock::eventbus::simulation {

/// One process with one subscription: the delivery flow as it is, and everything around it as a model. Carries out
/// actions as `Subscription` does, now and then after other events, as a thread does that was not let run.
///
/// Thread-compatible. **Shutdown:** it may be destroyed when the run is over only, since the event_queue knows it.
class Process {
 public:
  struct Surroundings {
    const Scenario& scenario;
    const Conditions& conditions;
    EventQueue& event_queue;
    Network& network;
    Ledger& ledger;
    Trace& trace;
    DelayedStream* delayed;  ///< null: nothing is
    DelayChecker* delays;
    CancelBucket* cancels;  ///< null: nothing is cancelled
  };

  Process(const Surroundings& surroundings, Random random, int number);

  /// Everything here is gone.
  void Crash();
  /// Finishes what it can for a while, hands back the rest; then `ended`.
  void Drain(std::chrono::microseconds deadline, std::function<void()> ended);

  bool gone() const { return gone_; }
  bool draining() const { return draining_; }
  ModelConsumer& consumer() { return consumer_; }
  const DeliveryStateMachine& flow() const { return *flow_; }
  const InvariantChecker& invariants() const { return invariants_; }
  /// Nothing is in hand and nothing is under way.
  bool idle() const { return calls_ == 0 && flow_->in_hand() == 0 && flow_->quiescent(); }
  /// The window is still as it was widened for a key that waited. (It follows by halves only.)
  bool wide() const { return flow_->window() / 2 >= scenario_.flow.max_in_flight; }
  void CheckAtRest() const;
  std::string Describe() const;

 private:
  /// One call of a handler, or what it deferred.
  struct Run {
    InFlightMessage* item = nullptr;
    std::size_t actor = 0;
    HandlerResult result{};
    TimePoint begun{};
    std::stop_source stop{std::nostopstate};     ///< of one that may be asked to
    std::optional<Deadlines::Place> deadline{};  ///< none once it is deferred
    bool deferred = false;
    bool heeds = false;  ///< it ends soon after it is asked to stop
  };

  void Do(absl::FunctionRef<void(Actions&)> event);
  void Arrived(const std::vector<ModelMessage::Facts>& messages);
  std::unique_ptr<InFlightMessage> MakeItem(const ModelMessage::Facts& facts);
  void StreamRecreated();
  void OwnershipLost();
  void SettledElsewhere(std::uint64_t last);
  Quarantine LettersNow() const;
  void ReadLetters();
  void LookUpLetter(InFlightMessage& item);
  void LookAt(Actions& actions);
  void Execute(Actions& actions);
  void ScheduleTick();

  void Begin(InFlightMessage& item, std::size_t actor);
  void BeginUnlessLost(InFlightMessage& item, std::size_t actor);
  void Postpone(InFlightMessage& item, std::size_t actor);
  void RunHandler(InFlightMessage& item, std::size_t actor, std::stop_source stop);
  std::size_t EventOf(const InFlightMessage& item) const;
  bool IsEvent(const InFlightMessage& item, std::size_t event) const;
  InHand WhereIs(std::size_t event) const;
  bool IsStopped(std::size_t event) const;
  void CheckBegin(const InFlightMessage& item);
  void NotRun(InFlightMessage& item, std::size_t actor, HandlerResult result);
  Age AgeOf(const InFlightMessage& item) const;
  void ScheduleDeadlines();
  void PassDeadlines();
  void HeedStops();
  void EndRun(std::uint64_t number);
  void CheckLimit(const Run& run) const;
  void LeaveWorker(InFlightMessage& item, std::size_t actor);
  void End(InFlightMessage& item);
  void Finish(InFlightMessage& item);
  bool MayBegin(const InFlightMessage& item) const;
  HandlerResult Plan(const InFlightMessage& item);
  HandlerResult Failure(std::uint64_t chance);
  std::chrono::microseconds Duration();

  void StoreLetter(InFlightMessage& item);
  void RemoveLetter(InFlightMessage& item);
  void LookUp(InFlightMessage& item);
  void LookUpOverdue(std::uint64_t sequence);

  void AwaitQuiet(TimePoint deadline);
  void Abandon();
  void HandBack();

  /// Calls `what` unless the process is gone by then.
  void Later(std::chrono::nanoseconds delay, std::function<void()> what);

  const Scenario& scenario_;
  const Conditions& conditions_;
  EventQueue& event_queue_;
  Network& network_;
  Ledger& ledger_;
  Trace& trace_;
  Random random_;
  const int number_;
  std::size_t live_bytes_ = 0;  // of messages in memory; must outlive them
  PoolSlots slots_;
  OnlyMember member_{};
  std::unique_ptr<DeliveryStateMachine> flow_;
  InvariantChecker invariants_;
  PriorityChecker priorities_;
  ModelPool pool_;
  ModelConsumer consumer_;
  std::map<std::uint64_t, Run> runs_{};  // by number
  std::uint64_t last_run_ = 0;
  Deadlines deadlines_{};
  TimePoint next_deadline_ = TimePoint::max();
  std::unique_ptr<ModelCancelWatch> cancels_{};  // none where nothing is cancelled
  std::unique_ptr<ModelRelay> relay_{};          // none where nothing is delayed
  std::function<void()> ended_{};
  TimePoint drains_from_{};
  TimePoint next_tick_ = TimePoint::max();
  std::size_t looked_at_ = 0;  // of the actions of this event
  int calls_ = 0;              // actions that are yet to be carried out
  bool outage_ = false;
  std::uint64_t ownership_losses_ = 0;
  bool reads_letters_ = false;
  bool quarantine_known_ = false;
  bool abandoning_ = false;
  bool draining_ = false;
  bool gone_ = false;
};

}  // namespace penstock::eventbus::simulation
