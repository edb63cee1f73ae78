// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/subscribe/subscription_stats.h"
#include "naming/names.h"
#include "penstock/eventbus/envelope.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookUpPause{1};
constexpr std::chrono::milliseconds kPoll{1};

}  // namespace

/// One call of the handler, which may ask for a deferral, once.
class Subscription::HandlerCall final : public DeferralSource {
 public:
  HandlerCall(Subscription& subscription, Item& item) : subscription_(subscription), item_(item) {}

  std::shared_ptr<Deferral> Defer() override {
    return std::exchange(deferred_, true) ? nullptr : subscription_.Defer(item_);
  }
  bool deferred() const { return deferred_; }

 private:
  Subscription& subscription_;
  Item& item_;
  bool deferred_ = false;
};

Subscription::Subscription(SubscriptionSpec spec, SubscriptionContext context)
    : spec_(std::move(spec)),
      context_(std::move(context)),
      executor_(spec_, context_.pool, context_.dead_letters, *this),
      flow_(spec_.flow),
      factory_(spec_, context_.pool) {}

Subscription::~Subscription() = default;

absl::Status Subscription::Open(Transport& transport) {
  if (quarantines()) {
    if (auto status = LookUpQuarantine(); !status.ok()) return status;
  }
  FeedSpec wanted = spec_.feed;
  {
    MutexLock lock(mutex_);
    wanted.max_in_flight = flow_.window();
  }
  auto feed =
      transport.OpenFeed(wanted, {.arrived = [this](auto messages) { OnArrived(std::move(messages)); },
                                  .resting = [this] { OnResting(); },
                                  .new_epoch = [this] { OnNewEpoch(); },
                                  .made_again = [this] { OnMadeAgain(); },
                                  .settled_before = [this](auto first, auto last) { OnSettledBefore(first, last); },
                                  .lost = [this](const absl::Status& why) { OnLost(why); },
                                  .taken_away = [this] { OnTakenAway(); }});
  if (!feed.ok()) return feed.status();
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    feed_ = *std::move(feed);
    executor_.UseFeed(*feed_);
    open_ = true;
    for (auto& item : early_) flow_.Arrived(std::move(item), now, actions);
    early_.clear();
  });
  return absl::OkStatus();
}

absl::Status Subscription::LookUpQuarantine() {
  auto letters = context_.dead_letters.Outstanding(spec_.topic, spec_.feed.consumer);
  if (!letters.ok()) return letters.status();
  Quarantine quarantine;
  for (const auto& letter : *letters) {
    if (!letter.key.empty()) quarantine.Add(actorpool::internal::PoolAccess::HashOf(letter.key), letter.origin);
  }
  MutexLock lock(mutex_);
  flow_.Quarantined(std::move(quarantine));
  quarantine_known_.store(true, std::memory_order_release);
  return absl::OkStatus();
}

void Subscription::OnArrived(std::vector<std::unique_ptr<StoredMessage>> messages) {
  Call call(*this);
  std::vector<std::unique_ptr<Item>> items;
  items.reserve(messages.size());
  for (auto& message : messages) items.push_back(factory_.Make(std::move(message)));
  takes_ = takes_ || finished_.BeginTaking();
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    actions.list.reserve(2 * items.size());
    if (takes_) FinishAll(now, actions);
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

// While messages keep coming, what is finished meanwhile is taken with them: workers go on, and one thread has the flow
// to itself.
void Subscription::OnResting() {
  if (!takes_) return;
  Call call(*this);
  takes_ = false;
  factory_.Shrink();
  if (!finished_.empty()) TakeNow();
  finished_.TakingEnds();
  TakeFinished();
}

void Subscription::OnSettledBefore(std::uint64_t first, std::uint64_t last) {
  Call call(*this);
  MutexLock lock(mutex_);
  flow_.SettledBefore(first, last);
}

void Subscription::OnNewEpoch() {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  flow_.NewEpoch();
}

void Subscription::OnMadeAgain() {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  flow_.MadeAgain();
}

// The other owner may have sent messages to the dead letters, or handled some that were redriven from there.
void Subscription::OnTakenAway() {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  flow_.TakenAway();
  quarantine_known_.store(!quarantines(), std::memory_order_release);
}

void Subscription::OnLost(const absl::Status& why) {
  Call call(*this);
  lost_.store(true, std::memory_order_relaxed);
  Log(LogLevel::kError, "has ended: " + std::string(why.message()));
}

bool Subscription::MayBegin(const Item& item, TimePoint now) const {
  if (outage_.load(std::memory_order_relaxed) && !item.probe) return false;
  if (!quarantine_known_.load(std::memory_order_acquire)) return false;
  if (item.taken.load(std::memory_order_relaxed)) return false;
  return feed_->MayHandle(now);
}

absl::Status Subscription::Work(Item& item) {
  const bool abandoned = abandoning_.load(std::memory_order_relaxed);
  const TimePoint now = std::chrono::steady_clock::now();
  if (abandoned || !MayBegin(item, now)) {
    item.verdict = {.kind = abandoned ? Verdict::Kind::kAbandoned : Verdict::Kind::kPostponed};
    return absl::CancelledError();
  }
  item.begun.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  HandlerCall call(*this, item);
  Verdict verdict = spec_.handle(*item.message, item.attempts() + 1, call);
  if (call.deferred()) return absl::OkStatus();
  item.verdict = std::move(verdict);
  return item.verdict.kind == Verdict::Kind::kHandled ? absl::OkStatus() : absl::AbortedError(item.verdict.reason);
}

std::shared_ptr<Deferral> Subscription::Defer(Item& item) {
  auto deferral = std::make_shared<Deferral>([this, &item](Verdict verdict) {
    Call call(*this);
    item.deferred = false;
    item.verdict = std::move(verdict);
    Finish(item);
  });
  item.deferred = true;
  bool late = false;
  {
    MutexLock lock(mutex_);
    deferred_.emplace(&item, deferral);
    late = abandoned_;
  }
  if (late) deferral->TakeBack();
  return deferral;
}

void Subscription::OnSettled(Item& item, const actorpool::Completion& settlement) {
  Call call(*this);
  if (item.deferred) {
    std::shared_ptr<Deferral> deferral;
    {
      MutexLock lock(mutex_);
      deferral = deferred_.at(&item);
    }
    return deferral->Returned();
  }
  if (settlement.disposition == actorpool::Disposition::kAbandoned) item.verdict = {.kind = Verdict::Kind::kAbandoned};
  if (settlement.disposition == actorpool::Disposition::kThrew) {
    item.verdict = {.kind = Verdict::Kind::kThrew, .reason = std::string(settlement.status.message())};
  }
  Finish(item);
}

void Subscription::Finish(Item& item) {
  if (item.verdict.kind != Verdict::Kind::kHandled) {
    item.last_failed_at = std::chrono::system_clock::now();
    if (item.failures == 0) item.first_failed_at = item.last_failed_at;
  }
  const bool awaited = item.awaited.load(std::memory_order_relaxed);
  finished_.Add(item);
  awaited ? TakeNow() : TakeFinished();
}

void Subscription::TakeNow() {
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { FinishAll(now, actions); });
}

void Subscription::TakeFinished() {
  while (finished_.ShallTake()) {
    TakeNow();
    finished_.TakingEnds();
  }
}

void Subscription::FinishAll(TimePoint now, Actions& actions) {
  for (Item* next = finished_.Take(); next != nullptr;) {
    Item& each = *std::exchange(next, next->next_finished);
    if (!deferred_.empty()) deferred_.erase(&each);
    flow_.Finished(each, now, actions);
  }
}

void Subscription::RunActions(absl::FunctionRef<void(TimePoint, Actions&)> event) {
  Actions actions;
  bool sooner = false;
  bool outage = false;
  bool turned = false;
  {
    MutexLock lock(mutex_);
    event(std::chrono::steady_clock::now(), actions);
    // Under the lock, since any other event may end the messages concerned; both are rare.
    executor_.ExtendLeases(actions);
    LogStuck(actions);
    if (flow_.quiescent()) quiescent_.NotifyAll();
    outage = flow_.outage();
    turned = outage != outage_.load(std::memory_order_relaxed);
    if (turned) outage_.store(outage, std::memory_order_relaxed);
    const TimePoint next = flow_.next_tick();
    sooner = next < next_tick_;
    next_tick_ = next;
  }
  if (turned && outage) Log(LogLevel::kError, "degraded: message after message fails; trying one at a time");
  if (turned && !outage) Log(LogLevel::kInfo, "recovered: a message has succeeded");
  if (sooner) context_.hurry();
  const std::vector<Item*> refused = executor_.Execute(actions);
  if (refused.empty()) return;
  RunActions([&](TimePoint now, Actions& more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Item* item : refused) flow_.Refused(*item, now, more);
  });
}

void Subscription::LogStuck(const Actions& actions) const {
  for (const Action& action : actions.list) {
    if (action.kind != Action::Kind::kStuck) continue;
    Log(LogLevel::kError,
        absl::StrFormat("handler %s has been at message %d for more than %d ms and counts as stuck",
                        Quoted(spec_.handler_name), action.item->sequence, spec_.flow.stuck_after.count()));
  }
}

void Subscription::OnDeadLettered(Item& item, bool stored) {
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.DeadLettered(item, stored, now, actions); });
}

void Subscription::OnLetterRemoved(Item& item, bool removed) {
  Call call(*this);
  RunActions([&](TimePoint now, Actions& actions)
                 ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LetterRemoved(item, removed, now, actions); });
}

void Subscription::Log(LogLevel level, const std::string& what) const {
  if (context_.log)
    context_.log(level, absl::StrFormat("subscription %d to %s: %s", spec_.id, Quoted(spec_.topic), what));
}

void Subscription::Tick(TimePoint now) {
  Call call(*this);
  if (!quarantine_known_.load(std::memory_order_acquire) && now >= next_look_up_) {
    next_look_up_ = now + kLookUpPause;
    if (auto status = LookUpQuarantine(); !status.ok()) {
      Log(LogLevel::kWarning, "cannot read its dead letters yet: " + std::string(status.message()));
    }
  }
  RunActions([&](TimePoint, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (open_) flow_.Tick(now, actions);
  });
}

TimePoint Subscription::NextTick() const {
  MutexLock lock(mutex_);
  return open_ ? next_tick_ : TimePoint::max();
}

void Subscription::StopReceiving() {
  if (feed_) feed_->StopArrivals();
}

void Subscription::Abandon() {
  abandoning_.store(true, std::memory_order_relaxed);
  std::vector<std::shared_ptr<Deferral>> deferred;
  {
    MutexLock lock(mutex_);
    abandoned_ = true;
    flow_.Close();
    for (const auto& [item, deferral] : deferred_) deferred.push_back(deferral);
    if (flow_.quiescent()) quiescent_.NotifyAll();
  }
  for (const auto& deferral : deferred) deferral->TakeBack();
}

// The last calls may still be sending answers. Their end notifies nobody, since a call does not touch this object any
// more when it has ended: hence the polling.
bool Subscription::WaitQuiescent(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (true) {
    const bool quiescent = flow_.quiescent();
    if (quiescent && calls_.load(std::memory_order_acquire) == 0) return true;
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    quiescent_.WaitUntil(lock, quiescent ? std::min(deadline, now + kPoll) : deadline);
  }
}

bool Subscription::idle() const {
  {
    MutexLock lock(mutex_);
    if (!flow_.quiescent()) return false;
  }
  return calls_.load(std::memory_order_acquire) == 0;
}

Remainder Subscription::HandBack() {
  std::vector<std::unique_ptr<Item>> items;
  Remainder remainder;
  {
    MutexLock lock(mutex_);
    remainder.abandoned = flow_.active();
    remainder.handed_back = flow_.held();
    items = flow_.HandBack();
  }
  remainder.handed_back += items.size();
  // An exclusive durable comes with everything pending, in order, when it is taken over: a Nak would only get in the
  // way.
  if (spec_.feed.kind == FeedKind::kShared) {
    for (const auto& item : items) executor_.Settle(item->answerable(), Verb::kNak);
  }
  if (feed_) feed_->Stop();
  return remainder;
}

SubscriptionStats Subscription::Stats() const {
  SubscriptionStats stats{.id = spec_.id, .topic = spec_.topic, .durable = spec_.feed.consumer};
  {
    MutexLock lock(mutex_);
    FillIn(flow_, stats);
    if (!open_) return stats;
  }
  const FeedStats feed = feed_->Stats();
  stats.resynchronised = feed.resynchronised;
  stats.active = feed.active && !lost_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace penstock::eventbus
