// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/handle/time_limit.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus {

/// One call of the handler, which may ask for a deferral, once, and can be asked to stop.
class Subscription::HandlerCall final : public DeferralSource, public EventGate {
 public:
  HandlerCall(Subscription& subscription, InFlightMessage& item) : subscription_(subscription), item_(item) {}

  std::shared_ptr<Deferral> Defer() override {
    return std::exchange(deferred_, true) ? nullptr : subscription_.Defer(item_, event_id_);
  }
  bool deferred() const { return deferred_; }
  Verdict Ask(std::string_view event_id) override {
    if (subscription_.spec_.keep) event_id_ = event_id;
    return subscription_.spec_.cancels ? subscription_.AskToBegin(item_, event_id, stop()) : Verdict::kBegin;
  }
  const std::string& event_id() const { return event_id_; }
  const InFlightMessage& item() const { return item_; }
  /// Made when it is asked for.
  const std::stop_source& stop() {
    if (!stop_.stop_possible()) stop_ = std::stop_source();
    return stop_;
  }

 private:
  Subscription& subscription_;
  InFlightMessage& item_;
  std::stop_source stop_{std::nostopstate};
  std::string event_id_{};  // where results are kept
  bool deferred_ = false;
};

Subscription::Subscription(SubscriptionSpec spec, SubscriptionContext context)
    : PoolSlots::Member(spec.group),
      spec_(std::move(spec)),
      context_(std::move(context)),
      executor_(spec_, context_.pool, context_.dead_letters, context_.look_ups, *this),
      flow_(spec_.flow, spec_.by_priority ? &context_.slots : nullptr, this),
      waiting_(spec_.queue_capacity, spec_.when_full),
      factory_(spec_, context_.pool),
      quarantine_reader_(spec_, context_.dead_letters, context_.log) {}

Subscription::~Subscription() {
  if (spec_.cancels) spec_.cancels->Stop();
}

absl::Status Subscription::Open(Transport& transport) {
  if (quarantines()) {
    if (auto status = LookUpQuarantine(); !status.ok()) return status;
  }
  ConsumerSpec wanted = spec_.consumer_spec;
  {
    MutexLock lock(mutex_);
    wanted.max_in_flight = flow_.window();
  }
  auto consumer = transport.OpenConsumer(
      wanted,
      {.on_messages =
           [this](auto messages) { drops() ? OnArrivedToQueue(std::move(messages)) : OnArrived(std::move(messages)); },
       .on_idle = [this] { OnIdle(); },
       .on_stream_recreated = [this] { OnRecreated(&DeliveryStateMachine::StreamRecreated); },
       .on_consumer_recreated = [this] { OnRecreated(&DeliveryStateMachine::ConsumerRecreated); },
       .on_ack_state_recovered = [this](auto first, auto last) { OnAckStateRecovered(first, last); },
       .on_settled_elsewhere = [this](auto last) { OnSettledElsewhere(last); },
       .on_closed = [this](const absl::Status& why) { OnClosed(why); },
       .on_ownership_lost = [this] { OnOwnershipLost(); }});
  if (!consumer.ok()) return consumer.status();
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    consumer_ = *std::move(consumer);
    executor_.UseConsumer(*consumer_);
    open_ = true;
    for (auto& item : early_) flow_.Arrived(std::move(item), now, actions);
    early_.clear();
    Feed(now, actions);
  });
  if (spec_.cancels) spec_.cancels->Attach([this](std::string_view event_id) { return WhereIs(event_id); });
  LogSubscribed();
  return absl::OkStatus();
}

void Subscription::OnArrived(std::vector<std::unique_ptr<StoredMessage>> messages) {
  Call call(*this);
  std::vector<std::unique_ptr<InFlightMessage>> items;
  items.reserve(messages.size());
  for (auto& message : messages) items.push_back(factory_.Make(std::move(message)));
  if (spec_.by_priority) LogOddPriority();
  consumes_ = consumes_ || completed_.BecomeConsumer();
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    actions.list.reserve(2 * items.size());
    if (consumes_) CompleteAll(now, actions);
    factory_.Refill(flow_);
    for (auto& item : items) {
      if (open_) {
        flow_.Arrived(std::move(item), now, actions);
      } else {
        early_.push_back(std::move(item));
      }
    }
  });
}

// Credit is returned as messages arrive, so that the server is never what they wait in.
void Subscription::OnArrivedToQueue(std::vector<std::unique_ptr<StoredMessage>> messages) {
  Call call(*this);
  bool news = false, disconnected = false;
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const bool was_disconnected = waiting_.disconnected();
    owed_credit_ += messages.size();
    for (auto& message : messages) {
      waiting_.Push(std::move(message));
      Feed(now, actions);
    }
    news = waiting_.TakeNews();
    disconnected = waiting_.disconnected() && !was_disconnected;
  });
  NoteOverflow(news, disconnected);
}

void Subscription::NoteOverflow(bool news, bool disconnected) {
  if (disconnected) {
    Log(LogLevel::kError, absl::StrFormat("has ended: its queue of %d messages was full; handle faster, set a larger "
                                          "queue_capacity, or drop messages instead",
                                          spec_.queue_capacity));
    disconnected_.store(true, std::memory_order_relaxed);
    context_.request_tick();
  } else if (news) {
    Log(LogLevel::kWarning,
        absl::StrFormat("its queue of %d messages is full, and the %s are dropped", spec_.queue_capacity,
                        spec_.when_full == WhenFull::kDropOldest ? "oldest" : "newest"));
  }
}

// No more than keeps the workers busy: what the pool has cannot be dropped.
void Subscription::Feed(TimePoint now, Actions& actions) {
  while (drops() && open_ && !abandoned_ && flow_.in_hand() < 2 * context_.workers) {
    std::unique_ptr<StoredMessage> message = waiting_.Pop();
    if (message == nullptr) return;
    flow_.Arrived(factory_.Make(std::move(message)), now, actions);
  }
}

// While messages keep coming, what is finished meanwhile is taken with them: workers go on, and one thread has the flow
// to itself.
void Subscription::OnIdle() {
  if (!consumes_) return;
  Call call(*this);
  consumes_ = false;
  factory_.Shrink();
  if (!completed_.empty()) CompleteNow();
  completed_.ReleaseConsumer();
  CompleteQueued();
}

void Subscription::OnAckStateRecovered(std::uint64_t first, std::uint64_t last) {
  Call call(*this);
  MutexLock lock(mutex_);
  flow_.AckStateRecovered(first, last);
}

void Subscription::OnSettledElsewhere(std::uint64_t last) {
  Call call(*this);
  MutexLock lock(mutex_);
  flow_.SettledElsewhere(last, std::chrono::steady_clock::now());
}

void Subscription::OnRecreated(void (DeliveryStateMachine::*event)()) {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  given_up_ += waiting_.Clear();
  (flow_.*event)();
}

// The other owner may have sent messages to the dead letters, or handled some that were redriven from there. Where
// nothing was finished or in hand, nothing runs again.
void Subscription::OnOwnershipLost() {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  const std::size_t before = flow_.in_hand();
  flow_.OwnershipLost();
  ++ownership_losses_;
  if (draining_) {
    const SubscriptionStats& so_far = flow_.counters();
    lost_in_drain_.taken_over |= before > 0 || so_far.acked + so_far.terminated > 0;
    lost_in_drain_.handed_back += before - flow_.in_hand();
    quiescent_.NotifyAll();
  }
  quarantine_known_.store(!quarantines(), std::memory_order_release);
}

void Subscription::OnClosed(const absl::Status& why) {
  Call call(*this);
  lost_.store(true, std::memory_order_relaxed);
  Log(LogLevel::kError, "has ended: " + std::string(why.message()));
}

bool Subscription::MayBegin(const InFlightMessage& item, TimePoint now) const {
  if (outage_.load(std::memory_order_relaxed) && !item.probe) return false;
  if (!quarantine_known_.load(std::memory_order_acquire)) return false;
  if (item.ownership_lost.load(std::memory_order_relaxed)) return false;
  return consumer_->MayHandle(now);
}

absl::Status Subscription::Work(InFlightMessage& item) {
  const bool abandoned = abandoning_.load(std::memory_order_relaxed);
  // Read before the check: what the check allows to begin must not have the fence of an ownership after it.
  const std::uint64_t fence = item.fence.load(std::memory_order_relaxed);
  const TimePoint now = std::chrono::steady_clock::now();
  if (abandoned || !MayBegin(item, now)) {
    item.result = {.kind = abandoned ? HandlerResult::Kind::kAbandoned : HandlerResult::Kind::kPostponed};
    return absl::CancelledError();
  }
  item.started_at.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  HandlerCall call(*this, item);
  Attempt attempt{.number = item.attempts() + 1, .fence = fence, .redriven = item.letter != 0};
  if (spec_.keep) attempt.gate = &call;
  HandlerResult result =
      spec_.cancels ? HandleUnlessCancelled(std::move(attempt), call) : Handle(std::move(attempt), call);
  if (call.deferred()) return absl::OkStatus();
  if (KeepsResultOf(result)) {
    KeepEnd(item, call.event_id(), result);
    return absl::OkStatus();
  }
  item.result = std::move(result);
  return item.result.acknowledges() ? absl::OkStatus() : absl::AbortedError(item.result.reason);
}

// One that was asked to stop may throw: that is no reason to restart its actor.
HandlerResult Subscription::HandleUnlessCancelled(Attempt attempt, HandlerCall& call) {
  attempt.gate = &call;
  attempt.stop_token = call.stop().get_token();
  try {
    return Handle(std::move(attempt), call);
  } catch (...) {
    if (!spec_.cancels->events().IsCancelled(&call.item())) throw;
    return {.kind = HandlerResult::Kind::kCancelled};
  }
}

HandlerResult Subscription::Handle(Attempt attempt, HandlerCall& call) {
  const StoredMessage& message = *call.item().message;
  if (spec_.time_limit.count() == 0) return spec_.handle(message, attempt, call);
  attempt.stop_token = call.stop().get_token();
  const TimePoint deadline = LaterBy(std::chrono::steady_clock::now(), spec_.time_limit);
  const DeadlineWatch::Watched watched(context_.deadlines, deadline, call.stop());
  HandlerResult result = spec_.handle(message, attempt, call);
  return WithinLimit(std::move(result), deadline, std::chrono::steady_clock::now(), spec_.time_limit);
}

std::shared_ptr<Deferral> Subscription::Defer(InFlightMessage& item, std::string event_id) {
  return DeferUntil(item, Deferral::TakenBack::kEnds,
                    [this, &item, event_id = std::move(event_id)](HandlerResult result) {
                      if (!KeepsResultOf(result)) return EndDeferred(item, std::move(result));
                      Call call(*this);
                      KeepEnd(item, event_id, result)->Returned();
                    });
}

void Subscription::EndDeferred(InFlightMessage& item, HandlerResult result) {
  Call call(*this);
  item.deferred = false;
  item.result = std::move(result);
  Finish(item);
}

std::shared_ptr<Deferral> Subscription::DeferUntil(InFlightMessage& item, Deferral::TakenBack taken_back,
                                                   std::function<void(HandlerResult result)> finish) {
  auto deferral = std::make_shared<Deferral>(std::move(finish), taken_back);
  item.deferred = true;
  bool late = false;
  {
    MutexLock lock(mutex_);
    deferred_.insert_or_assign(&item, deferral);
    if (taken_back == Deferral::TakenBack::kWaits) ++keeping_;
    late = abandoned_;
  }
  if (late) deferral->TakeBack();
  return deferral;
}

void Subscription::OnSettled(InFlightMessage& item, const actorpool::Completion& settlement) {
  Call call(*this);
  if (settlement.pause.count() > 0) ActorPauses(item.actor, settlement.pause);
  if (item.deferred) {
    std::shared_ptr<Deferral> deferral;
    {
      MutexLock lock(mutex_);
      deferral = deferred_.at(&item);
    }
    if (spec_.by_priority) LeaveWorker(item);
    return deferral->Returned();
  }
  if (settlement.disposition == actorpool::Disposition::kAbandoned)
    item.result = {.kind = HandlerResult::Kind::kAbandoned};
  if (settlement.disposition == actorpool::Disposition::kThrew) {
    item.result = {.kind = HandlerResult::Kind::kThrew, .reason = std::string(settlement.status.message())};
  }
  Finish(item);
}

void Subscription::Finish(InFlightMessage& item) {
  if (!item.result.acknowledges()) {
    item.last_failed_at = std::chrono::system_clock::now();
    if (item.failures == 0) item.first_failed_at = item.last_failed_at;
  }
  const bool urgent = item.urgent.load(std::memory_order_relaxed);
  completed_.Add(item);
  urgent ? CompleteNow() : CompleteQueued();
}

void Subscription::CompleteNow() {
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { CompleteAll(now, actions); });
}

void Subscription::CompleteQueued() {
  while (completed_.TryAcquireConsumer()) {
    CompleteNow();
    completed_.ReleaseConsumer();
  }
}

void Subscription::CompleteAll(TimePoint now, Actions& actions) {
  for (InFlightMessage* next = completed_.Take(); next != nullptr;) {
    InFlightMessage& each = *std::exchange(next, next->next_completed);
    EndDeferral(each);
    if (spec_.cancels) NoteEnd(each);
    flow_.Finished(each, now, actions);
  }
  Feed(now, actions);
}

void Subscription::EndDeferral(const InFlightMessage& item) {
  const auto found = deferred_.empty() ? deferred_.end() : deferred_.find(&item);
  if (found == deferred_.end()) return;
  if (found->second->taken_back() == Deferral::TakenBack::kWaits && --keeping_ == 0) quiescent_.NotifyAll();
  deferred_.erase(found);
}

std::vector<InFlightMessage*> Subscription::RunOnce(absl::FunctionRef<void(TimePoint, Actions&)> event) {
  Actions actions;
  bool sooner = false;
  bool outage = false;
  bool turned = false;
  std::uint64_t stored_twice = 0;
  bool doubled = false;
  {
    MutexLock lock(mutex_);
    const std::uint64_t before = flow_.counters().stored_twice;
    event(std::chrono::steady_clock::now(), actions);
    if (drops()) actions.credit = open_ ? std::exchange(owed_credit_, 0) : 0;
    // Under the lock, since any other event may end the messages concerned; both are rare.
    executor_.ExtendLeases(actions);
    LogStuck(actions);
    if (quiescent()) quiescent_.NotifyAll();
    stored_twice = flow_.counters().stored_twice;
    doubled = std::bit_width(stored_twice) != std::bit_width(before);
    outage = flow_.circuit_open();
    turned = outage != outage_.load(std::memory_order_relaxed);
    if (turned) outage_.store(outage, std::memory_order_relaxed);
    const TimePoint next = flow_.next_tick();
    sooner = next < next_tick_;
    next_tick_ = next;
  }
  if (turned && outage) Log(LogLevel::kError, "degraded: message after message fails; trying one at a time");
  if (turned && !outage) Log(LogLevel::kInfo, "recovered: a message has succeeded");
  if (doubled) LogStoredTwice(stored_twice);
  if (!actions.vanished.empty()) LogVanished(actions.vanished);
  if (sooner) context_.request_tick();
  if (!actions.overdue.empty()) LookUpOverdue(actions.overdue);
  return executor_.Execute(actions);
}

void Subscription::Tick(TimePoint now) {
  Call call(*this);
  if (!quarantine_known_.load(std::memory_order_acquire) && quarantine_reader_.IsDue(now)) ReadLettersLater();
  RunActions([&](TimePoint, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (open_) flow_.Tick(now, actions);
  });
}

TimePoint Subscription::NextTick() const {
  MutexLock lock(mutex_);
  return open_ ? next_tick_ : TimePoint::max();
}

}  // namespace penstock::eventbus
