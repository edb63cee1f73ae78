// SPDX-License-Identifier: Apache-2.0
#include "memory/broker.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "memory/subject.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::memory {
namespace {

constexpr std::size_t kParcelSize = 256;

// Old messages and message IDs are forgotten in batches.
constexpr std::chrono::milliseconds kSweepGap{100};

std::string_view AckPolicyName(bool ack_all) { return ack_all ? "all" : "explicit"; }

std::string_view KindName(FeedKind kind) {
  switch (kind) {
    case FeedKind::kExclusive:
      return "exclusive";
    case FeedKind::kShared:
      return "shared";
    case FeedKind::kAtMostOnce:
      return "at-most-once";
  }
  return "unknown";
}

absl::Status CheckFeed(const FeedSpec& spec, const FeedEvents& events) {
  const std::string what = absl::StrCat("open a feed of stream \"", spec.stream, "\": ");
  if (!events.arrived) return absl::InvalidArgumentError(absl::StrCat(what, "no callback for arrivals; set `arrived`"));
  if (spec.max_in_flight == 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, "max_in_flight is 0; allow at least one message"));
  }
  if (spec.kind == FeedKind::kAtMostOnce) return absl::OkStatus();
  if (spec.consumer.empty())
    return absl::InvalidArgumentError(absl::StrCat(what, "no consumer name; name the durable"));
  if (spec.ack_wait.count() <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(what, "ack_wait is not above 0; give handlers time to answer"));
  }
  return absl::OkStatus();
}

absl::Status Misfit(const FeedSpec& spec, std::string_view field, std::string_view has, std::string_view asked) {
  return absl::FailedPreconditionError(absl::StrCat("open consumer \"", spec.consumer, "\" of stream \"", spec.stream,
                                                    "\": its ", std::string(field), " is \"", std::string(has),
                                                    "\" but \"", std::string(asked),
                                                    "\" was asked for; use another durable name or the same options"));
}

}  // namespace

// Everything but `events` belongs to the broker's lock. `events` belongs to the thread whose callback runs, else to the
// lock.
struct BrokerFeed {
  const void* user = nullptr;
  FeedSpec spec{};
  FeedEvents events{};
  Broker::Consumer* consumer = nullptr;  ///< null when an ephemeral consumer ended with its feed
  std::size_t credit = 0;                ///< not used by exclusive feeds: `max_in_flight` is their credit
  bool stopped = false;
  bool quiet = false;              ///< takes nothing more, and may still own its consumer
  std::atomic<bool> owns = false;  // relaxed: written under the broker's lock, read as a hint that may be old

  bool ready() const { return !quiet && (spec.kind == FeedKind::kExclusive || credit > 0); }
};

struct Broker::Stream {
  explicit Stream(const StreamSpec& spec) : log(spec) {}

  MemoryStream log;
  std::vector<std::unique_ptr<Consumer>> consumers{};
};

struct Broker::Consumer {
  Consumer(Stream& of, const FeedSpec& spec)
      : stream(of),
        name(spec.consumer),
        kind(spec.kind),
        ack_all(spec.ack_all),
        position({.filter_subject = spec.filter_subject,
                  .explicit_acks = spec.kind != FeedKind::kAtMostOnce,
                  .ack_wait = spec.ack_wait,
                  .max_in_flight = spec.max_in_flight},
                 spec.kind == FeedKind::kAtMostOnce ? of.log.last_sequence() : 0) {}

  // The feed whose turn it is, if any can take something. Of an exclusive consumer it is always the first, its owner.
  std::shared_ptr<BrokerFeed> NextFeed() {
    for (std::size_t i = 0; kind != FeedKind::kExclusive && i < feeds.size(); ++i) {
      std::rotate(feeds.begin(), feeds.begin() + 1, feeds.end());
      if (feeds.back()->ready()) return feeds.back();
    }
    return kind == FeedKind::kExclusive && !feeds.empty() && feeds.front()->ready() ? feeds.front() : nullptr;
  }

  // How much `feed` may have now: in each round over the feeds that can take something, all get the same.
  std::size_t ShareOf(const BrokerFeed& feed) {
    if (kind == FeedKind::kExclusive) return kParcelSize;
    if (turns_left == 0) {
      turns_left = static_cast<std::size_t>(
          std::count_if(feeds.begin(), feeds.end(), [](const auto& each) { return each->ready(); }));
      share = std::max<std::size_t>(1, (position.Available(stream.log) + turns_left - 1) / turns_left);
    }
    --turns_left;
    return std::min({kParcelSize, feed.credit, share});
  }

  Stream& stream;
  const std::string name;  ///< empty: ephemeral
  const FeedKind kind;
  const bool ack_all;  ///< only to refuse what a server refuses: here each message is settled by itself
  MemoryConsumer position;
  std::vector<std::shared_ptr<BrokerFeed>> feeds{};
  bool in_ready = false;
  std::size_t turns_left = 0;  ///< of the round that is being dealt
  std::size_t share = 1;       ///< of each feed in this round
};

Broker::Broker() : thread_([this] { Run(); }), thread_id_(thread_.get_id()) {}

Broker::~Broker() {
  {
    MutexLock lock(mutex_);
    ended_ = true;
    NotifyThread();
  }
  if (thread_.joinable()) thread_.join();
}

bool Broker::Enter(const void* user) {
  MutexLock lock(mutex_);
  if (ended_) return false;
  users_.insert(user);
  return true;
}

void Broker::Leave(const void* user) {
  for (const auto& feed : FeedsOf(user)) StopFeed(*feed);
  {
    MutexLock lock(mutex_);
    if (ended_ || !users_.empty()) return;
    ended_ = true;
    NotifyThread();
  }
  if (std::this_thread::get_id() != thread_id_) thread_.join();
}

std::vector<std::shared_ptr<BrokerFeed>> Broker::FeedsOf(const void* user) {
  std::vector<std::shared_ptr<BrokerFeed>> found;
  MutexLock lock(mutex_);
  users_.erase(user);
  for (const auto& [name, stream] : streams_) {
    for (const auto& consumer : stream->consumers) {
      std::copy_if(consumer->feeds.begin(), consumer->feeds.end(), std::back_inserter(found),
                   [user](const auto& feed) { return feed->user == user; });
    }
  }
  return found;
}

absl::StatusOr<StreamFacts> Broker::EnsureStream(const StreamSpec& spec) {
  if (spec.name.empty() || spec.subjects.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("make stream \"", spec.name, "\": it needs a name and a subject"));
  }
  MutexLock lock(mutex_);
  if (const auto found = streams_.find(spec.name); found != streams_.end()) {
    const StreamSpec& has = found->second->log.spec();
    return StreamFacts{.subjects = has.subjects, .storage = has.storage, .created = false};
  }
  if (absl::Status status = CheckNoOverlap(spec); !status.ok()) return status;
  const auto& stream = streams_.emplace(spec.name, std::make_unique<Stream>(spec)).first->second;
  for (const std::string& subject : spec.subjects) {
    if (!HasWildcard(subject)) stream_by_subject_.emplace(subject, stream.get());
  }
  return StreamFacts{.subjects = spec.subjects, .storage = spec.storage, .created = true};
}

absl::Status Broker::CheckNoOverlap(const StreamSpec& spec) const {
  for (const auto& [name, stream] : streams_) {
    for (const std::string& theirs : stream->log.spec().subjects) {
      for (const std::string& ours : spec.subjects) {
        if (!SubjectsOverlap(theirs, ours)) continue;
        return absl::FailedPreconditionError(absl::StrCat("make stream \"", spec.name, "\": its subject \"", ours,
                                                          "\" overlaps \"", theirs, "\" of stream \"", name,
                                                          "\"; a subject belongs to one stream"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<BrokerFeed>> Broker::OpenFeed(const void* user, const FeedSpec& spec,
                                                             FeedEvents events) {
  if (absl::Status status = CheckFeed(spec, events); !status.ok()) return status;
  MutexLock lock(mutex_);
  if (!users_.contains(user)) return absl::FailedPreconditionError("open a feed: the embedded bus is closed");
  const auto stream = streams_.find(spec.stream);
  if (stream == streams_.end()) {
    return absl::NotFoundError(
        absl::StrCat("open a feed: stream \"", spec.stream, "\" does not exist; make it before consuming from it"));
  }
  absl::StatusOr<Consumer*> consumer = ConsumerFor(*stream->second, spec);
  if (!consumer.ok()) return consumer.status();
  auto feed = std::make_shared<BrokerFeed>();
  feed->user = user;
  feed->spec = spec;
  feed->events = std::move(events);
  feed->consumer = *consumer;
  feed->credit = spec.max_in_flight;
  Attach(feed);
  return feed;
}

absl::StatusOr<Broker::Consumer*> Broker::ConsumerFor(Stream& stream, const FeedSpec& spec) {
  for (const auto& consumer : stream.consumers) {
    if (spec.consumer.empty() || consumer->name != spec.consumer) continue;
    if (consumer->kind != spec.kind) {
      return Misfit(spec, "kind of delivery", KindName(consumer->kind), KindName(spec.kind));
    }
    if (consumer->ack_all != spec.ack_all) {
      return Misfit(spec, "ack_policy", AckPolicyName(consumer->ack_all), AckPolicyName(spec.ack_all));
    }
    const std::string& filter = consumer->position.terms().filter_subject;
    if (filter != spec.filter_subject) return Misfit(spec, "filter subject", filter, spec.filter_subject);
    return consumer.get();
  }
  return stream.consumers.emplace_back(std::make_unique<Consumer>(stream, spec)).get();
}

void Broker::Attach(const std::shared_ptr<BrokerFeed>& feed) {
  Consumer& consumer = *feed->consumer;
  consumer.feeds.push_back(feed);
  if (consumer.kind != FeedKind::kExclusive) {
    consumer.position.Adjust(feed->spec.ack_wait, feed->spec.max_in_flight);
    feed->owns.store(true, std::memory_order_relaxed);
    MarkReady(consumer);
  } else if (consumer.feeds.size() == 1) {
    GiveTo(consumer, *feed);
  }
}

void Broker::GiveTo(Consumer& consumer, BrokerFeed& owner) {
  owner.owns.store(true, std::memory_order_relaxed);
  consumer.position.Adjust(owner.spec.ack_wait, owner.spec.max_in_flight);
  consumer.position.RequeueAll();
  MarkReady(consumer);
}

void Broker::Detach(BrokerFeed& feed) {
  if (std::exchange(feed.stopped, true)) return;
  feed.owns.store(false, std::memory_order_relaxed);
  Consumer& consumer = *feed.consumer;
  const bool owned = consumer.feeds.front().get() == &feed;
  std::erase_if(consumer.feeds, [&feed](const auto& each) { return each.get() == &feed; });
  if (consumer.name.empty()) {
    feed.consumer = nullptr;
    std::erase(ready_, &consumer);
    std::erase_if(consumer.stream.consumers, [&consumer](const auto& each) { return each.get() == &consumer; });
  } else if (!consumer.feeds.empty()) {
    if (consumer.kind == FeedKind::kExclusive && owned) GiveTo(consumer, *consumer.feeds.front());
    MarkReady(consumer);
  }
}

absl::StatusOr<PubAck> Broker::Publish(Outgoing message) {
  MutexLock lock(mutex_);
  Stream* stream = StreamOf(message.subject);
  if (stream == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("publish to \"", message.subject, "\": no stream listens on the subject; make the stream first"));
  }
  auto ack = stream->log.Append(std::move(message), std::chrono::steady_clock::now(), std::chrono::system_clock::now());
  if (!ack.ok() || ack->duplicate) return ack;
  for (const auto& consumer : stream->consumers) MarkReady(*consumer);
  WakeAt(stream->log.NextExpiry());
  return ack;
}

Broker::Stream* Broker::StreamOf(const std::string& subject) {
  if (const auto found = stream_by_subject_.find(subject); found != stream_by_subject_.end()) return found->second;
  for (const auto& [name, stream] : streams_) {
    const auto& patterns = stream->log.spec().subjects;
    const auto takes = [&subject](const std::string& pattern) { return SubjectMatches(pattern, subject); };
    if (std::any_of(patterns.begin(), patterns.end(), takes)) return stream.get();
  }
  return nullptr;
}

std::shared_ptr<const Record> Broker::Read(std::string_view stream, std::string_view filter,
                                           std::uint64_t from_sequence) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return nullptr;
  found->second->log.Expire(std::chrono::steady_clock::now());
  return found->second->log.NextAfter(filter, from_sequence == 0 ? 0 : from_sequence - 1);
}

bool Broker::Delete(std::string_view stream, std::uint64_t sequence) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  return found != streams_.end() && found->second->log.Delete(sequence);
}

void Broker::Grant(BrokerFeed& feed, std::size_t count) {
  MutexLock lock(mutex_);
  feed.credit += count;
  if (feed.consumer != nullptr) MarkReady(*feed.consumer);
}

void Broker::Settle(BrokerFeed& feed, std::uint64_t sequence, Verb verb) {
  MutexLock lock(mutex_);
  if (feed.consumer == nullptr) return;
  MemoryConsumer& position = feed.consumer->position;
  position.Settle(sequence, verb, std::chrono::steady_clock::now());
  WakeAt(position.NextDue());
  if (verb != Verb::kInProgress) MarkReady(*feed.consumer);
}

void Broker::SetWindow(BrokerFeed& feed, std::size_t max_in_flight) {
  MutexLock lock(mutex_);
  feed.spec.max_in_flight = max_in_flight;
  if (feed.spec.kind != FeedKind::kExclusive || !feed.owns.load(std::memory_order_relaxed)) return;
  feed.consumer->position.Adjust(feed.spec.ack_wait, max_in_flight);
  MarkReady(*feed.consumer);
}

void Broker::QuietFeed(BrokerFeed& feed) {
  MutexLock lock(mutex_);
  feed.quiet = true;
  if (std::this_thread::get_id() == thread_id_) return;
  while (running_ == &feed) delivered_.Wait(lock);
}

bool Broker::Owns(const BrokerFeed& feed) { return feed.owns.load(std::memory_order_relaxed); }

void Broker::StopFeed(BrokerFeed& feed) {
  FeedEvents gone{};  // what the callbacks captured may do anything when destroyed: not under the lock
  MutexLock lock(mutex_);
  Detach(feed);
  if (std::this_thread::get_id() == thread_id_ && running_ == &feed) return;
  while (running_ == &feed) delivered_.Wait(lock);
  std::swap(gone, feed.events);
}

bool Broker::IsActive(const BrokerFeed& feed) const {
  MutexLock lock(mutex_);
  if (feed.stopped) return false;
  return feed.spec.kind != FeedKind::kExclusive || feed.consumer->feeds.front().get() == &feed;
}

void Broker::MarkReady(Consumer& consumer) {
  if (std::exchange(consumer.in_ready, true)) return;
  ready_.push_back(&consumer);
  NotifyThread();
}

void Broker::WakeAt(TimePoint due) {
  if (due >= wake_at_) return;
  wake_at_ = due;
  NotifyThread();
}

void Broker::NotifyThread() {
  if (idle_) work_.NotifyOne();
}

void Broker::Run() {
  SetThreadName("penstock-memory");
  while (std::optional<Parcel> parcel = AwaitParcel()) {
    std::vector<std::unique_ptr<StoredMessage>> messages;
    messages.reserve(parcel->messages.size());
    for (Taken& taken : parcel->messages) messages.push_back(std::make_unique<MemoryMessage>(std::move(taken)));
    parcel->feed->events.arrived(std::move(messages));
    if (parcel->feed->events.resting) parcel->feed->events.resting();
    ParcelDelivered();
  }
}

std::optional<Broker::Parcel> Broker::AwaitParcel() {
  MutexLock lock(mutex_);
  while (!ended_) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (wake_at_ <= now) Sweep(now);
    if (std::optional<Parcel> parcel = NextParcel(now)) {
      running_ = parcel->feed.get();
      return parcel;
    }
    idle_ = true;
    if (wake_at_ == TimePoint::max()) {
      work_.Wait(lock);
    } else {
      work_.WaitUntil(lock, wake_at_);
    }
    idle_ = false;
  }
  return std::nullopt;
}

void Broker::ParcelDelivered() {
  {
    FeedEvents gone{};  // of a feed that was stopped by its own callback; destroyed before anybody sees it as ended
    MutexLock lock(mutex_);
    if (running_->stopped) std::swap(gone, running_->events);
  }
  MutexLock lock(mutex_);
  running_ = nullptr;
  delivered_.NotifyAll();
}

std::optional<Broker::Parcel> Broker::NextParcel(TimePoint now) {
  while (!ready_.empty()) {
    Consumer& consumer = *ready_.front();
    ready_.pop_front();
    consumer.in_ready = false;
    if (std::optional<Parcel> parcel = ParcelOf(consumer, now)) {
      MarkReady(consumer);
      return parcel;
    }
  }
  return std::nullopt;
}

std::optional<Broker::Parcel> Broker::ParcelOf(Consumer& consumer, TimePoint now) {
  if (consumer.position.Available(consumer.stream.log) == 0) return std::nullopt;  // looking costs nobody its turn
  std::shared_ptr<BrokerFeed> feed = consumer.NextFeed();
  if (feed == nullptr) return std::nullopt;
  std::vector<Taken> messages = consumer.position.Take(consumer.stream.log, consumer.ShareOf(*feed), now);
  if (messages.empty()) return std::nullopt;
  if (feed->spec.kind != FeedKind::kExclusive) feed->credit -= messages.size();
  WakeAt(consumer.position.NextDue());
  return Parcel{.feed = std::move(feed), .messages = std::move(messages)};
}

void Broker::Sweep(TimePoint now) {
  TimePoint next = TimePoint::max();
  for (const auto& [name, stream] : streams_) {
    stream->log.Expire(now);
    next = std::min(next, std::max(stream->log.NextExpiry(), now + kSweepGap));
    for (const auto& consumer : stream->consumers) {
      consumer->position.WakeDue(now);
      next = std::min(next, consumer->position.NextDue());
      MarkReady(*consumer);
    }
  }
  wake_at_ = next;
}

}  // namespace penstock::eventbus::memory
