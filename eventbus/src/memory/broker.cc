// SPDX-License-Identifier: Apache-2.0
#include "memory/broker.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "memory/broker_consumer.h"
#include "naming/subject.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::memory {
namespace {

// Old messages and message IDs are forgotten in batches.
constexpr std::chrono::milliseconds kSweepGap{100};
constexpr std::chrono::seconds kForgetAfter{1};

}  // namespace

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
  for (const auto& subscriber : SubscribersOf(user)) StopSubscriber(*subscriber);
  {
    MutexLock lock(mutex_);
    if (ended_ || !users_.empty()) return;
    ended_ = true;
    NotifyThread();
  }
  if (std::this_thread::get_id() != thread_id_) thread_.join();
}

std::vector<std::shared_ptr<BrokerSubscriber>> Broker::SubscribersOf(const void* user) {
  std::vector<std::shared_ptr<BrokerSubscriber>> found;
  MutexLock lock(mutex_);
  users_.erase(user);
  for (const auto& [name, stream] : streams_) {
    for (const auto& consumer : stream->consumers) {
      std::copy_if(consumer->subscribers.begin(), consumer->subscribers.end(), std::back_inserter(found),
                   [user](const auto& subscriber) { return subscriber->user == user; });
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
    return FactsOf(found->second->log.spec());
  }
  if (const auto made = Make(spec); !made.ok()) return made.status();
  StreamFacts facts = FactsOf(spec);
  facts.created = true;
  return facts;
}

absl::StatusOr<BrokerStream*> Broker::Make(const StreamSpec& spec) {
  if (absl::Status status = CheckNoOverlap(spec); !status.ok()) return status;
  BrokerStream* const stream = streams_.emplace(spec.name, std::make_unique<BrokerStream>(spec)).first->second.get();
  for (const std::string& subject : spec.subjects) {
    if (!HasWildcard(subject)) stream_by_subject_.emplace(subject, stream);
  }
  WakeAt(std::chrono::steady_clock::now() + kSweepGap);
  return stream;
}

// Not at once: whoever made it is about to use it.
bool Broker::ForgetIfUnused(BrokerStream& stream, TimePoint now) {
  const StreamSpec& spec = stream.log.spec();
  if (!spec.forgotten_when_unused || !stream.consumers.empty() || !stream.log.empty()) {
    stream.unused_since = TimePoint::max();
    return false;
  }
  stream.unused_since = std::min(stream.unused_since, now);
  if (now - stream.unused_since < kForgetAfter) return false;
  for (const std::string& subject : spec.subjects) stream_by_subject_.erase(subject);
  return true;
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

absl::StatusOr<std::shared_ptr<BrokerSubscriber>> Broker::OpenConsumer(const void* user, const ConsumerSpec& spec,
                                                                       ConsumerEvents events) {
  if (absl::Status status = CheckConsumer(spec, events); !status.ok()) return status;
  MutexLock lock(mutex_);
  if (!users_.contains(user)) return absl::FailedPreconditionError("open a consumer: the embedded bus is closed");
  absl::StatusOr<BrokerStream*> stream = StreamFor(spec);
  if (!stream.ok()) return stream.status();
  absl::StatusOr<BrokerConsumer*> consumer = ConsumerFor(**stream, spec);
  if (!consumer.ok()) return consumer.status();
  auto subscriber = std::make_shared<BrokerSubscriber>();
  subscriber->user = user;
  subscriber->spec = spec;
  subscriber->events = std::move(events);
  subscriber->consumer = *consumer;
  subscriber->credit = spec.max_in_flight;
  Attach(subscriber);
  return subscriber;
}

// It may have been forgotten since its user saw to it.
absl::StatusOr<BrokerStream*> Broker::StreamFor(const ConsumerSpec& spec) {
  if (const auto found = streams_.find(spec.stream); found != streams_.end()) return found->second.get();
  const StreamSpec& wanted = spec.stream_spec;
  if (wanted.forgotten_when_unused && spec.makes_stream && wanted.name == spec.stream) return Make(wanted);
  return absl::NotFoundError(
      absl::StrCat("open a consumer: stream \"", spec.stream, "\" does not exist; make it before consuming from it"));
}

void Broker::Attach(const std::shared_ptr<BrokerSubscriber>& subscriber) {
  BrokerConsumer& consumer = *subscriber->consumer;
  consumer.subscribers.push_back(subscriber);
  if (consumer.kind != ConsumerKind::kExclusive) {
    consumer.position.Adjust(subscriber->spec.ack_wait, subscriber->spec.max_in_flight);
    subscriber->owns.store(true, std::memory_order_relaxed);
    MarkReady(consumer);
  } else if (consumer.subscribers.size() == 1) {
    GiveTo(consumer, *subscriber);
  }
}

void Broker::GiveTo(BrokerConsumer& consumer, BrokerSubscriber& owner) {
  owner.fence = ++last_fence_;
  owner.owns.store(true, std::memory_order_relaxed);
  consumer.position.Adjust(owner.spec.ack_wait, owner.spec.max_in_flight);
  consumer.position.RequeueAll();
  MarkReady(consumer);
}

void Broker::Detach(BrokerSubscriber& subscriber) {
  if (std::exchange(subscriber.stopped, true)) return;
  subscriber.owns.store(false, std::memory_order_relaxed);
  BrokerConsumer& consumer = *subscriber.consumer;
  const bool owned = consumer.subscribers.front().get() == &subscriber;
  std::erase_if(consumer.subscribers, [&subscriber](const auto& each) { return each.get() == &subscriber; });
  if (consumer.name.empty()) {
    subscriber.consumer = nullptr;
    std::erase(ready_, &consumer);
    std::erase_if(consumer.stream.consumers, [&consumer](const auto& each) { return each.get() == &consumer; });
    WakeAt(std::chrono::steady_clock::now() + kSweepGap);
  } else if (!consumer.subscribers.empty()) {
    if (consumer.kind == ConsumerKind::kExclusive && owned) GiveTo(consumer, *consumer.subscribers.front());
    MarkReady(consumer);
  }
}

absl::StatusOr<PubAck> Broker::Publish(OutboundMessage& message) {
  MutexLock lock(mutex_);
  BrokerStream* stream = StreamOf(message.subject);
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

BrokerStream* Broker::StreamOf(const std::string& subject) {
  if (const auto found = stream_by_subject_.find(subject); found != stream_by_subject_.end()) return found->second;
  for (const auto& [name, stream] : streams_) {
    const auto& patterns = stream->log.spec().subjects;
    const auto takes = [&subject](const std::string& pattern) { return SubjectMatches(pattern, subject); };
    if (std::any_of(patterns.begin(), patterns.end(), takes)) return stream.get();
  }
  return nullptr;
}

void Broker::AddCredit(BrokerSubscriber& subscriber, std::size_t count) {
  MutexLock lock(mutex_);
  subscriber.credit += count;
  if (subscriber.consumer != nullptr) MarkReady(*subscriber.consumer);
}

void Broker::Acknowledge(BrokerSubscriber& subscriber, std::uint64_t sequence, AckType type) {
  MutexLock lock(mutex_);
  if (subscriber.consumer == nullptr) return;
  MemoryConsumer& position = subscriber.consumer->position;
  position.Acknowledge(sequence, type, std::chrono::steady_clock::now());
  WakeAt(position.NextDue());
  if (type != AckType::kInProgress) MarkReady(*subscriber.consumer);
}

void Broker::SetWindow(BrokerSubscriber& subscriber, std::size_t max_in_flight) {
  MutexLock lock(mutex_);
  subscriber.spec.max_in_flight = max_in_flight;
  if (subscriber.spec.kind != ConsumerKind::kExclusive || !subscriber.owns.load(std::memory_order_relaxed)) return;
  subscriber.consumer->position.Adjust(subscriber.spec.ack_wait, max_in_flight);
  MarkReady(*subscriber.consumer);
}

void Broker::QuietSubscriber(BrokerSubscriber& subscriber) {
  MutexLock lock(mutex_);
  subscriber.quiet = true;
  if (std::this_thread::get_id() == thread_id_) return;
  while (running_ == &subscriber) delivered_.Wait(lock);
}

void Broker::StopSubscriber(BrokerSubscriber& subscriber) {
  ConsumerEvents gone{};  // what the callbacks captured may do anything when destroyed: not under the lock
  MutexLock lock(mutex_);
  Detach(subscriber);
  if (std::this_thread::get_id() == thread_id_ && running_ == &subscriber) return;
  while (running_ == &subscriber) delivered_.Wait(lock);
  std::swap(gone, subscriber.events);
}

bool Broker::IsActive(const BrokerSubscriber& subscriber) const {
  MutexLock lock(mutex_);
  if (subscriber.stopped) return false;
  return subscriber.spec.kind != ConsumerKind::kExclusive ||
         subscriber.consumer->subscribers.front().get() == &subscriber;
}

bool Broker::IsStandingBy(const BrokerSubscriber& subscriber) const {
  MutexLock lock(mutex_);
  return !subscriber.stopped && subscriber.spec.kind == ConsumerKind::kExclusive &&
         subscriber.consumer->subscribers.front().get() != &subscriber;
}

void Broker::MarkReady(BrokerConsumer& consumer) {
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
  while (std::optional<Batch> batch = AwaitBatch()) {
    std::vector<std::unique_ptr<StoredMessage>> messages;
    messages.reserve(batch->messages.size());
    for (Taken& taken : batch->messages) messages.push_back(std::make_unique<MemoryMessage>(std::move(taken)));
    batch->subscriber->events.on_messages(std::move(messages));
    if (batch->subscriber->events.on_idle) batch->subscriber->events.on_idle();
    BatchDelivered();
  }
}

std::optional<Broker::Batch> Broker::AwaitBatch() {
  MutexLock lock(mutex_);
  while (!ended_) {
    const TimePoint now = std::chrono::steady_clock::now();
    if (wake_at_ <= now) Sweep(now);
    if (std::optional<Batch> batch = NextBatch(now)) {
      running_ = batch->subscriber.get();
      return batch;
    }
    idle_ = true;
    work_.WaitUntil(lock, wake_at_);
    idle_ = false;
  }
  return std::nullopt;
}

void Broker::BatchDelivered() {
  {
    ConsumerEvents
        gone{};  // of a subscriber that was stopped by its own callback; destroyed before anybody sees it as ended
    MutexLock lock(mutex_);
    if (running_->stopped) std::swap(gone, running_->events);
  }
  MutexLock lock(mutex_);
  running_ = nullptr;
  delivered_.NotifyAll();
}

std::optional<Broker::Batch> Broker::NextBatch(TimePoint now) {
  while (!ready_.empty()) {
    BrokerConsumer& consumer = *ready_.front();
    ready_.pop_front();
    consumer.in_ready = false;
    if (std::optional<Batch> batch = BatchOf(consumer, now)) {
      MarkReady(consumer);
      return batch;
    }
  }
  return std::nullopt;
}

std::optional<Broker::Batch> Broker::BatchOf(BrokerConsumer& consumer, TimePoint now) {
  if (consumer.position.Available(consumer.stream.log) == 0) return std::nullopt;  // looking costs nobody its turn
  std::shared_ptr<BrokerSubscriber> subscriber = consumer.NextSubscriber();
  if (subscriber == nullptr) return std::nullopt;
  std::vector<Taken> messages = consumer.position.Take(consumer.stream.log, consumer.ShareOf(*subscriber), now);
  if (messages.empty()) return std::nullopt;
  if (subscriber->spec.kind != ConsumerKind::kExclusive) subscriber->credit -= messages.size();
  for (Taken& taken : messages) taken.fence = subscriber->fence;
  WakeAt(consumer.position.NextDue());
  return Batch{.subscriber = std::move(subscriber), .messages = std::move(messages)};
}

void Broker::Sweep(TimePoint now) {
  TimePoint next = TimePoint::max();
  for (auto each = streams_.begin(); each != streams_.end();) {
    BrokerStream& stream = *each->second;
    stream.log.Expire(now);
    if (ForgetIfUnused(stream, now)) {
      each = streams_.erase(each);
      continue;
    }
    next = std::min(next, std::max(stream.log.NextExpiry(), now + kSweepGap));
    if (stream.unused_since != TimePoint::max()) next = std::min(next, stream.unused_since + kForgetAfter);
    for (const auto& consumer : stream.consumers) {
      consumer->position.WakeDue(now);
      next = std::min(next, consumer->position.NextDue());
      MarkReady(*consumer);
    }
    ++each;
  }
  wake_at_ = next;
}

}  // namespace penstock::eventbus::memory
