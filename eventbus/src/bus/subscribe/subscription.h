// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "bus/dead_letters/dead_letter_writer.h"
#include "bus/handle/deadline_watch.h"
#include "bus/handle/deferral.h"
#include "bus/look_up/message_look_up.h"
#include "bus/publish/warning_rate.h"
#include "bus/subscribe/action_executor.h"
#include "bus/subscribe/completion_queue.h"
#include "bus/subscribe/message_factory.h"
#include "bus/subscribe/quarantine_reader.h"
#include "bus/subscribe/subscription_spec.h"
#include "bus/subscriber/bounded_queue.h"
#include "delivery/delivery_state_machine.h"
#include "delivery/priority/pool_slots.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "penstock/eventbus/liveness.h"
#include "penstock/eventbus/stats.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The collaborators of a subscription. All of them outlive it.
struct SubscriptionContext {
  actorpool::internal::PoolAccess pool;
  DeadLetterWriter& dead_letters;
  MessageLookUp& look_ups;
  DeadlineWatch& deadlines;
  const LogSink& log;
  PoolSlots& slots;                    ///< for subscriptions whose messages begin by priority
  std::size_t workers = 0;             ///< of the pool
  std::function<void()> request_tick;  ///< `NextTick` is sooner now
};

/// How a subscription ended, in messages.
struct ShutdownSummary {
  std::uint64_t handed_back = 0;
  std::uint64_t abandoned = 0;
  bool taken_over = false;  ///< by another process, after it had stopped receiving
  bool in_doubt = false;    ///< since then the connection was lost, and acknowledgements with it, which are sent once
  bool sends_once = false;  ///< likewise, if the connection was lost since: a shared durable, which has stopped by then
};

/// Carries messages from a consumer through its delivery flow to the pool, and their outcomes back.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its consumer and what is in hand. **Ordering:** see
/// `DeliveryStateMachine`.
/// **Shutdown:** `StopReceiving`, then wait (`WaitQuiescent`, after `Abandon` for no more than what runs), then
/// `HandBack`. May be destroyed when `idle()`.
class Subscription final : private ActionExecutor::Listener, private PoolSlots::Member {
 public:
  Subscription(SubscriptionSpec spec, SubscriptionContext context);
  ~Subscription();
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  /// Begins to receive. Blocks while the transport makes the consumer.
  absl::Status Open(Transport& transport);

  void StopReceiving();
  /// Messages that have not begun are to be handed back, not run.
  void Abandon();
  /// Waits until nothing runs, is queued or is on its way to the dead letters. False when `deadline` passed first.
  bool WaitQuiescent(TimePoint deadline);
  /// Waits until no message that is handled waits for its result to be kept. False when `deadline` passed first.
  bool AwaitKept(TimePoint deadline);
  /// Gives back what has not begun, and counts what still runs. Only after `StopReceiving` and `Abandon`.
  ShutdownSummary HandBack();
  /// When the server is at hand that has to know of what was acknowledged: how often it was so. 0: there is nothing to
  /// know. Nothing while it is not.
  std::optional<std::uint64_t> InStep() const;
  /// Nothing will touch this object any more but its owner. Only after `StopReceiving`.
  bool idle() const;

  /// It is to be removed, since its queue was full.
  bool disconnected() const { return disconnected_.load(std::memory_order_relaxed); }

  void Tick(TimePoint now);
  /// When `Tick` wants to be called.
  TimePoint NextTick() const;

  SubscriptionStats Stats() const;
  SubscriptionLiveness Liveness() const;
  /// Messages that wait for a worker and are not with the pool.
  std::size_t Ready() const;
  const SubscriptionSpec& spec() const { return spec_; }

 private:
  void EndDeferral(const InFlightMessage& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  /// Marks a call from outside as under way.
  class Call {
   public:
    explicit Call(Subscription& subscription) : calls_(subscription.calls_) {
      calls_.fetch_add(1, std::memory_order_relaxed);  // ordered by the mutex that the call takes next
    }
    ~Call() { calls_.fetch_sub(1, std::memory_order_release); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    std::atomic<int>& calls_;
  };
  class HandlerCall;

  void OnArrived(std::vector<std::unique_ptr<StoredMessage>> messages);
  /// The same for a subscription that drops what it has no room for.
  void OnArrivedToQueue(std::vector<std::unique_ptr<StoredMessage>> messages);
  bool drops() const { return spec_.when_full != WhenFull::kBlock; }
  void Feed(TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  SubscriptionRole Role() const;
  void AddQueueStats(SubscriptionStats& stats) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteOverflow(bool news, bool disconnected);
  bool quiescent() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return flow_.quiescent() && waiting_.empty(); }
  void OnIdle();
  /// The stream or the consumer was created again, which `event` tells the delivery logic.
  void OnRecreated(void (DeliveryStateMachine::*event)());
  void OnAckStateRecovered(std::uint64_t first, std::uint64_t last);
  void OnSettledElsewhere(std::uint64_t last);
  void OnOwnershipLost();
  void OnClosed(const absl::Status& why);
  // Of the executor.
  absl::Status Work(InFlightMessage& item) override;
  void OnSettled(InFlightMessage& item, const actorpool::Completion& settlement) override;
  void OnDeadLettered(InFlightMessage& item, bool stored) override;
  void OnLetterRemoved(InFlightMessage& item, LetterRemoval removal) override;
  void OnLetterLookedUp(InFlightMessage& item, LetterPresence presence) override;
  void OnLookedUp(InFlightMessage& item, bool gone) override;

  bool quarantines() const { return spec_.flow.after_dead_letter == AfterDeadLetter::kQuarantine; }
  HandlerResult HandleUnlessCancelled(Attempt attempt, HandlerCall& call);
  HandlerResult Handle(Attempt attempt, HandlerCall& call);
  /// False when the event is cancelled: its handler is not to be called.
  EventGate::Verdict AskToBegin(InFlightMessage& item, std::string_view event_id, const std::stop_source& stop);
  /// The end of a message that may have been cancelled.
  void NoteEnd(InFlightMessage& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellCancelled(std::string event_id, std::uint64_t attempts);
  InHand WhereIs(std::string_view event_id) const;
  absl::Status LookUpQuarantine();
  void LookUpOverdue(const std::vector<std::uint64_t>& sequences);
  std::uint64_t BeginReading();
  void ReadLettersLater();

  // Of the slots.
  void Reserve() override { calls_.fetch_add(1, std::memory_order_relaxed); }  // ordered by the lock of the slots
  void TakeTurn() override;
  /// Tells the delivery logic of an event, and carries out the actions that it returns; then lets other subscriptions
  /// begin what there are slots for.
  void RunActions(absl::FunctionRef<void(TimePoint, Actions&)> event);
  void RunOwnActions(absl::FunctionRef<void(TimePoint, Actions&)> event);
  /// The messages that their actors' inboxes had no room for.
  std::vector<InFlightMessage*> RunOnce(absl::FunctionRef<void(TimePoint, Actions&)> event);
  void ActorPauses(std::size_t actor, std::chrono::nanoseconds pause);
  bool MayBegin(const InFlightMessage& item, TimePoint now) const;
  /// `event_id`: known where results are kept.
  std::shared_ptr<Deferral> Defer(InFlightMessage& item, std::string event_id);
  std::shared_ptr<Deferral> DeferUntil(InFlightMessage& item, Deferral::TakenBack taken_back,
                                       std::function<void(HandlerResult result)> finish);
  void EndDeferred(InFlightMessage& item, HandlerResult result);
  void LeaveWorker(InFlightMessage& item);
  void Finish(InFlightMessage& item);
  void CompleteQueued();
  void CompleteNow();
  void CompleteAll(TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  /// Whether the result of a message that ends so is kept before it is acknowledged.
  bool KeepsResultOf(const HandlerResult& result) const;
  /// Keeps the result of such a message, whose end waits for that.
  std::shared_ptr<Deferral> KeepEnd(InFlightMessage& item, const std::string& event_id, const HandlerResult& result);
  void KeepFailure(const InFlightMessage& item);
  void KeepResult(std::string_view event_id, const Result& result) const;
  void LogSubscribed() const;
  void LogDeadLetter(const InFlightMessage& item);
  /// At 1, 2, 4, ... copies.
  void LogStoredTwice(std::uint64_t count) const;
  void LogOddPriority();
  void LogVanished(const std::vector<std::uint64_t>& sequences) const;
  void LogStuck(const Actions& actions) const;
  void Log(LogLevel level, const std::string& what) const;

  const SubscriptionSpec spec_;
  const SubscriptionContext context_;
  // Only says "skip what has not begun"; a worker that reads it late merely runs one message more.
  std::atomic<bool> abandoning_{false};
  // Likewise: only the probe is to begin.
  std::atomic<bool> outage_{false};
  // Nothing begins before. Acquire/release: with it goes what was looked up.
  std::atomic<bool> quarantine_known_{true};
  std::atomic<bool> lost_{false};          // a gauge
  std::atomic<bool> disconnected_{false};  // relaxed: read late, it is removed late
  // Calls from pool and transport under way. Its decrement is the last touch of this object, hence release; `idle`
  // acquires.
  std::atomic<int> calls_{0};
  mutable Mutex mutex_;
  CondVar quiescent_;
  ActionExecutor executor_;
  DeliveryStateMachine flow_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<InFlightMessage>> early_ ABSL_GUARDED_BY(mutex_);  // arrived while `Open` was still at it
  std::size_t keeping_ ABSL_GUARDED_BY(mutex_) = 0;  // messages that wait for their result to be kept
  // Handlers that will tell later what became of their message.
  absl::flat_hash_map<const InFlightMessage*, std::shared_ptr<Deferral>> deferred_ ABSL_GUARDED_BY(mutex_);
  CompletionQueue completed_;
  // Of a subscription that drops: what the pool has not been given yet.
  BoundedQueue waiting_ ABSL_GUARDED_BY(mutex_);
  std::size_t owed_credit_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t given_up_ ABSL_GUARDED_BY(mutex_) = 0;  // waited when it was abandoned, or the stream was gone
  TimePoint next_tick_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t ownership_losses_ ABSL_GUARDED_BY(mutex_) = 0;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  WarningRate letter_warnings_ ABSL_GUARDED_BY(mutex_){};
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;  // since `StopReceiving`
  ShutdownSummary lost_in_drain_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t resubscribes_before_ ABSL_GUARDED_BY(mutex_) = 0;  // the drain
  MessageFactory factory_;                                         // of the consumer's thread; of the lock if it drops
  bool consumes_ = false;               // likewise: it takes what is finished, until it rests
  QuarantineReader quarantine_reader_;  // of `Open`, then of the letters' thread; `IsDue` of the ticking one
  // Acquire/release: with it goes what was read.
  std::atomic<bool> reads_letters_{false};
  std::unique_ptr<Consumer> consumer_;  // set once, before `open_`; thread-safe itself
};

}  // namespace penstock::eventbus
