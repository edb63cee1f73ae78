// SPDX-License-Identifier: Apache-2.0
#include "bus/subscription.h"

#include <thread>
#include <utility>

#include "absl/strings/str_format.h"
#include "penstock/eventbus/envelope.h"
#include "transport/names.h"

namespace penstock::eventbus {

/// Marks a call from outside as under way.
class Subscription::Call {
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

Subscription::Subscription(SubscriptionSpec spec, SubscriptionContext context)
    : spec_(std::move(spec)), context_(std::move(context)), flow_(spec_.flow) {}

Subscription::~Subscription() = default;

absl::Status Subscription::Open(Transport& transport) {
  auto feed = transport.OpenFeed(spec_.feed, {.arrived = [this](auto messages) { OnArrived(std::move(messages)); },
                                              .new_epoch = [this] { OnNewEpoch(); },
                                              .lost = [this](const absl::Status& why) { OnLost(why); }});
  if (!feed.ok()) return feed.status();
  Call call(*this);
  Actions actions;
  {
    MutexLock lock(mutex_);
    feed_ = *std::move(feed);
    open_ = true;
    const TimePoint now = std::chrono::steady_clock::now();
    for (auto& item : early_) flow_.Arrived(std::move(item), now, actions);
    early_.clear();
  }
  Execute(actions);
  return absl::OkStatus();
}

void Subscription::OnArrived(std::vector<std::unique_ptr<StoredMessage>> messages) {
  Call call(*this);
  std::vector<std::unique_ptr<Item>> items;
  items.reserve(messages.size());
  for (auto& message : messages) items.push_back(MakeItem(std::move(message)));
  Actions actions;
  {
    MutexLock lock(mutex_);
    if (!open_) {
      for (auto& item : items) early_.push_back(std::move(item));
      return;
    }
    const TimePoint now = std::chrono::steady_clock::now();
    for (auto& item : items) flow_.Arrived(std::move(item), now, actions);
  }
  Execute(actions);
}

std::unique_ptr<Item> Subscription::MakeItem(std::unique_ptr<StoredMessage> message) const {
  auto item = std::make_unique<Item>();
  item->sequence = message->stream_sequence();
  item->message = std::move(message);
  AssignKey(*item);
  return item;
}

// Keys are compared in the header's encoding, so that an ID read from a body meets the same ID from a header.
void Subscription::AssignKey(Item& item) const {
  const StoredMessage& message = *item.message;
  if (auto key = message.Header(header::kAggregateId); key && !key->empty()) {
    item.key = *key;
  } else if (spec_.body_has_key) {
    auto id = AggregateIdOf(message.payload(), message.Header(header::kContentType).value_or(std::string_view{}));
    if (!id.ok() || id->empty()) return;
    item.key_storage = PercentEncode(*id);
    item.key = item.key_storage;
  } else {
    return;
  }
  item.key_hash = std::hash<std::string_view>{}(item.key);
  item.lane = context_.pool.ActorFor(item.key);
}

void Subscription::OnNewEpoch() {
  Call call(*this);
  MutexLock lock(mutex_);
  early_.clear();
  flow_.NewEpoch();
}

void Subscription::OnLost(const absl::Status& why) {
  Call call(*this);
  lost_.store(true, std::memory_order_relaxed);
  if (!context_.log) return;
  context_.log(LogLevel::kError, absl::StrFormat("subscription %d to %s has ended: %s", spec_.id, Quoted(spec_.topic),
                                                 std::string(why.message())));
}

void Subscription::Execute(Actions& actions) {
  std::vector<Item*> refused;
  for (Action& action : actions.list) {
    switch (action.kind) {
      case Action::Kind::kDispatch:
        if (!Offer(*action.item)) refused.push_back(action.item);
        break;
      case Action::Kind::kAck:
        Settle(*action.message, Verb::kAck);
        break;
      case Action::Kind::kNak:
        Settle(*action.message, Verb::kNak, action.delay);
        break;
      case Action::Kind::kTerm:
        Settle(*action.message, Verb::kTerm);
        break;
      case Action::Kind::kDeadLetter:
        StoreDeadLetter(*action.item);
        break;
      case Action::Kind::kExtend:
        break;  // done by Tick, under the lock
    }
  }
  if (actions.grant > 0) feed_->Grant(actions.grant);
  if (refused.empty()) return;
  {
    MutexLock lock(mutex_);
    for (Item* item : refused) flow_.Refused(*item);
  }
  context_.hurry();
}

// False when the actor's inbox is full.
bool Subscription::Offer(Item& item) {
  actorpool::Message message{.key = item.key,
                             .work = [this, &item] { return Work(item); },
                             .settled = [this, &item](const actorpool::Settlement& end) { OnSettled(item, end); }};
  switch (context_.pool.TryProcess(message)) {
    case actorpool::Admission::kAccepted:
      return true;
    case actorpool::Admission::kFull:
      return false;
    case actorpool::Admission::kClosed:
      break;
  }
  OnSettled(item, {.ending = actorpool::Ending::kAbandoned, .status = absl::CancelledError()});
  return true;
}

absl::Status Subscription::Work(Item& item) {
  if (abandoning_.load(std::memory_order_relaxed)) {
    item.verdict = {.kind = Verdict::Kind::kAbandoned};
    return absl::CancelledError();
  }
  item.verdict = spec_.handle(*item.message);
  return item.verdict.kind == Verdict::Kind::kHandled ? absl::OkStatus() : absl::AbortedError(item.verdict.reason);
}

void Subscription::OnSettled(Item& item, const actorpool::Settlement& settlement) {
  Call call(*this);
  if (settlement.ending == actorpool::Ending::kAbandoned) item.verdict = {.kind = Verdict::Kind::kAbandoned};
  if (settlement.ending == actorpool::Ending::kThrew) {
    item.verdict = {.kind = Verdict::Kind::kRetry, .reason = std::string(settlement.status.message())};
  }
  Actions actions;
  {
    MutexLock lock(mutex_);
    flow_.Finished(item, std::chrono::steady_clock::now(), actions);
    if (flow_.quiescent()) quiescent_.NotifyAll();
  }
  Execute(actions);
}

void Subscription::StoreDeadLetter(Item& item) {
  auto stored = [this, &item](bool ok) {
    Call call(*this);
    Actions actions;
    {
      MutexLock lock(mutex_);
      flow_.DeadLettered(item, ok, std::chrono::steady_clock::now(), actions);
      if (flow_.quiescent()) quiescent_.NotifyAll();
    }
    Execute(actions);
  };
  context_.dead_letters.Store(
      item, {.topic = spec_.topic, .stream = spec_.feed.stream, .consumer = spec_.feed.consumer}, std::move(stored));
}

// An answer that is lost comes back as a redelivery, which the flow recognises.
void Subscription::Settle(const StoredMessage& message, Verb verb, std::chrono::milliseconds delay) {
  feed_->Settle(message, verb, delay).IgnoreError();
}

void Subscription::Tick(TimePoint now) {
  Call call(*this);
  Actions actions;
  {
    MutexLock lock(mutex_);
    if (!open_) return;
    flow_.Tick(now, actions);
    // Under the lock, since any other event may end the item; leases are extended seldom.
    for (const Action& action : actions.list) {
      if (action.kind != Action::Kind::kExtend) continue;
      const Item& item = *action.item;
      Settle(item.latest ? *item.latest : *item.message, Verb::kInProgress);
    }
  }
  Execute(actions);
}

std::chrono::milliseconds Subscription::TickInterval() const {
  MutexLock lock(mutex_);
  return flow_.has_refused() ? std::chrono::milliseconds{2} : flow_.TickInterval();
}

void Subscription::StopReceiving() {
  if (feed_) feed_->Stop();
}

void Subscription::Abandon() {
  abandoning_.store(true, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  flow_.Close();
  if (flow_.quiescent()) quiescent_.NotifyAll();
}

bool Subscription::WaitQuiescent(TimePoint deadline) {
  {
    MutexLock lock(mutex_);
    while (!flow_.quiescent()) {
      if (!quiescent_.WaitUntil(lock, deadline) && !flow_.quiescent()) return false;
    }
  }
  while (!idle()) std::this_thread::yield();  // for the answers of the last calls to be sent
  return true;
}

bool Subscription::idle() const {
  {
    MutexLock lock(mutex_);
    if (!flow_.quiescent()) return false;
  }
  return calls_.load(std::memory_order_acquire) == 0;
}

void Subscription::HandBack() {
  std::vector<std::unique_ptr<Item>> items;
  {
    MutexLock lock(mutex_);
    items = flow_.HandBack();
  }
  // An exclusive durable comes with everything pending, in order, when it is taken over: a Nak would only get in the
  // way.
  if (spec_.feed.kind != FeedKind::kShared) return;
  for (const auto& item : items) Settle(*item->message, Verb::kNak);
}

SubscriptionStats Subscription::Stats() const {
  SubscriptionStats stats{.id = spec_.id, .topic = spec_.topic, .durable = spec_.feed.consumer};
  FeedStats feed;
  {
    MutexLock lock(mutex_);
    const FlowCounters& counters = flow_.counters();
    stats.received = counters.received;
    stats.redelivered = counters.redelivered;
    stats.duplicates = counters.duplicates;
    stats.handled = counters.handled;
    stats.failed = counters.failed;
    stats.acked = counters.acked;
    stats.naked = counters.naked;
    stats.terminated = counters.terminated;
    stats.dead_lettered = counters.dead_lettered;
    stats.undecodable = counters.undecodable;
    stats.inbox_full = counters.refused;
    stats.in_flight = flow_.in_hand();
    stats.parked = flow_.parked();
    stats.held_keys = flow_.held();
    stats.lag = counters.last_pending;
    if (!open_) return stats;
  }
  feed = feed_->Stats();
  stats.resynchronised = feed.resynchronised;
  stats.active = feed.active && !lost_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace penstock::eventbus
