// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription.h"

#include <thread>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "naming/names.h"
#include "penstock/eventbus/envelope.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookUpPause{1};
constexpr std::size_t kSparesAtRest = 64;  // as many as a moderate load needs

std::uint64_t NumberIn(const StoredMessage& message, std::string_view name) {
  std::uint64_t number = 0;
  const auto text = message.Header(name);
  const bool is_number = text && absl::SimpleAtoi(std::string(*text), &number);
  return is_number ? number : 0;
}

}  // namespace

Subscription::Subscription(SubscriptionSpec spec, SubscriptionContext context)
    : spec_(std::move(spec)), context_(std::move(context)), flow_(spec_.flow) {}

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
  Do([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    feed_ = *std::move(feed);
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
  for (auto& message : messages) items.push_back(MakeItem(std::move(message)));
  takes_ = takes_ || finished_.BeginTaking();
  Do([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    actions.list.reserve(2 * items.size());
    if (takes_) FinishAll(now, actions);
    flow_.ExchangeSpares(spares_);
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
  if (spares_.size() > kSparesAtRest) spares_.resize(kSparesAtRest);
  if (!finished_.empty()) TakeNow();
  finished_.TakingEnds();
  TakeFinished();
}

std::unique_ptr<Item> Subscription::NewItem() {
  if (spares_.empty()) return std::make_unique<Item>();
  std::unique_ptr<Item> item = std::move(spares_.back());
  spares_.pop_back();
  std::destroy_at(item.get());
  std::construct_at(item.get());
  return item;
}

std::unique_ptr<Item> Subscription::MakeItem(std::unique_ptr<StoredMessage> message) {
  std::unique_ptr<Item> item = NewItem();
  item->sequence = item->origin = message->stream_sequence();
  item->message = std::move(message);
  AssignKey(*item);
  if (spec_.flow.acknowledges) AssignRedrive(*item);
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
  item.key_hash = actorpool::internal::PoolAccess::HashOf(item.key);
  item.lane = context_.pool.ActorOf(item.key_hash);
}

void Subscription::AssignRedrive(Item& item) const {
  const auto whose = item.message->Header(header::kRedriveFor);
  if (!whose) return;
  item.foreign = *whose != spec_.feed.consumer;
  item.letter = NumberIn(*item.message, header::kDeadLetter);
  if (const auto origin = NumberIn(*item.message, header::kOriginSequence); origin != 0) item.origin = origin;
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

void Subscription::Do(absl::FunctionRef<void(TimePoint, Actions&)> event) {
  Actions actions;
  bool sooner = false;
  bool outage = false;
  bool turned = false;
  {
    MutexLock lock(mutex_);
    event(std::chrono::steady_clock::now(), actions);
    SettleInHand(actions);
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
  Execute(actions);
}

void Subscription::Execute(Actions& actions) {
  std::vector<Item*> refused;
  std::size_t over = 0;
  actorpool::internal::PoolAccess::Batch batch(context_.pool);
  for (Action& action : actions.list) {
    switch (action.kind) {
      case Action::Kind::kDispatch:
        if (!Offer(*action.item, batch)) refused.push_back(action.item);
        break;
      case Action::Kind::kDeadLetter:
        StoreDeadLetter(*action.item);
        break;
      case Action::Kind::kRemoveLetter:
        RemoveLetter(*action.item);
        break;
      case Action::Kind::kAck:
      case Action::Kind::kNak:
      case Action::Kind::kTerm:
        ++over;
        break;
      case Action::Kind::kExtend:
      case Action::Kind::kStuck:
        break;  // done under the lock
    }
  }
  if (over > 0) SettleOver(actions, over);
  if (actions.grant > 0) feed_->Grant(actions.grant);
  if (actions.window > 0) feed_->SetWindow(actions.window);
  if (refused.empty()) return;
  Do([&](TimePoint now, Actions& more) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (Item* item : refused) flow_.Refused(*item, now, more);
  });
}

// In one go, after what runs next was handed on: the server can wait longer than a worker.
void Subscription::SettleOver(const Actions& actions, std::size_t over) {
  absl::InlinedVector<Settling, 32> settlings;
  settlings.reserve(over);
  for (const Action& action : actions.list) {
    if (action.kind == Action::Kind::kAck) settlings.push_back({action.message.get(), Verb::kAck});
    if (action.kind == Action::Kind::kNak) settlings.push_back({action.message.get(), Verb::kNak});
    if (action.kind == Action::Kind::kTerm) settlings.push_back({action.message.get(), Verb::kTerm});
  }
  // An answer that is lost comes back as a redelivery, which the flow recognises.
  feed_->Settle(settlings).IgnoreError();
}

// Under the lock, since any other event may end the item; leases are extended seldom.
void Subscription::SettleInHand(const Actions& actions) {
  for (const Action& action : actions.list) {
    if (action.kind == Action::Kind::kExtend) {
      if (action.item->stage != Stage::kHeld) Settle(action.item->answerable(), Verb::kInProgress);
    } else if (action.kind == Action::Kind::kStuck) {
      Log(LogLevel::kError,
          absl::StrFormat("handler %s has been at message %d for more than %d ms and counts as stuck",
                          Quoted(spec_.handler_name), action.item->sequence, spec_.flow.stuck_after.count()));
    }
  }
}

// False when the actor's inbox is full.
bool Subscription::Offer(Item& item, actorpool::internal::PoolAccess::Batch& batch) {
  using actorpool::internal::Admission;
  static_assert(Item::kAnyLane == actorpool::internal::kAnyActor);
  actorpool::Message message{.work = [this, &item] { return Work(item); },
                             .settled = [this, &item](const actorpool::Completion& end) { OnSettled(item, end); }};
  switch (batch.TryEnqueue(message, item.lane)) {
    case Admission::kAccepted:
      return true;
    case Admission::kFull:
      return false;
    case Admission::kClosed:
      break;
  }
  OnSettled(item, {.disposition = actorpool::Disposition::kAbandoned, .status = absl::CancelledError()});
  return true;
}

void Subscription::StoreDeadLetter(Item& item) {
  auto done = [this, &item](bool stored) {
    Call call(*this);
    Do([&](TimePoint now, Actions& actions)
           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.DeadLettered(item, stored, now, actions); });
  };
  context_.dead_letters.Store(item,
                              {.topic = spec_.topic,
                               .stream = spec_.feed.stream,
                               .consumer = spec_.feed.consumer,
                               .handler = spec_.handler_name},
                              std::move(done));
}

void Subscription::RemoveLetter(Item& item) {
  context_.dead_letters.Remove(item.letter, [this, &item](bool removed) {
    Call call(*this);
    Do([&](TimePoint now, Actions& actions)
           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { flow_.LetterRemoved(item, removed, now, actions); });
  });
}

// An answer that is lost comes back as a redelivery, which the flow recognises.
void Subscription::Settle(const StoredMessage& message, Verb verb) { feed_->Settle(message, verb).IgnoreError(); }

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
  Do([&](TimePoint, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
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
    for (const auto& item : items) Settle(item->answerable(), Verb::kNak);
  }
  if (feed_) feed_->Stop();
  return remainder;
}

SubscriptionStats Subscription::Stats() const {
  SubscriptionStats stats{.id = spec_.id, .topic = spec_.topic, .durable = spec_.feed.consumer};
  {
    MutexLock lock(mutex_);
    const FlowCounters& counters = flow_.counters();
    stats.received = counters.received;
    stats.redelivered = counters.redelivered;
    stats.duplicates = counters.duplicates;
    stats.skipped = counters.skipped;
    stats.handled = counters.handled;
    stats.failed = counters.failed;
    stats.acked = counters.acked;
    stats.naked = counters.naked;
    stats.terminated = counters.terminated;
    stats.dead_lettered = counters.dead_lettered;
    stats.undecodable = counters.undecodable;
    stats.inbox_full = counters.refused;
    stats.put_down = counters.put_down;
    stats.outages = counters.outages;
    stats.in_flight = flow_.in_hand();
    stats.in_flight_bytes = flow_.bytes();
    stats.window = flow_.window();
    stats.parked = flow_.parked();
    stats.held_keys = flow_.held() + flow_.waiting();
    stats.quarantined_keys = flow_.quarantined_keys();
    stats.stuck_handlers = flow_.stuck();
    stats.degraded = flow_.outage();
    stats.lag = counters.last_pending;
    if (!open_) return stats;
  }
  const FeedStats feed = feed_->Stats();
  stats.resynchronised = feed.resynchronised;
  stats.active = feed.active && !lost_.load(std::memory_order_relaxed);
  return stats;
}

}  // namespace penstock::eventbus
