// SPDX-License-Identifier: Apache-2.0
#include "bus/read/read_channel.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

// Of a consumer whose messages are dropped when they find no room.
constexpr std::size_t kReceivingCredit = 1024;

absl::Status Closed() { return absl::CancelledError("read: the reader was closed"); }

}  // namespace

ReadChannel::ReadChannel(std::uint64_t id, std::string topic, ReaderOptions options, LogSink log)
    : id_(id), topic_(std::move(topic)), options_(std::move(options)), log_(std::move(log)) {}

ReadChannel::~ReadChannel() { End(Closed(), Rest::kIsDropped); }

absl::StatusOr<std::uint64_t> ReadChannel::Open(Transport& transport, ConsumerSpec spec) {
  const auto source = std::make_shared<Source>(options_);
  const bool drops = options_.when_full != WhenFull::kBlock;
  spec.consumer = options_.group;
  spec.kind = ConsumerKind::kAtMostOnce;
  spec.max_in_flight = drops ? kReceivingCredit : options_.queue_capacity;
  auto consumer = transport.OpenConsumer(
      spec, {.on_messages = [this, source](auto messages) { OnArrived(source, std::move(messages)); },
             .on_closed = [this](const absl::Status& why) { OnClosed(why); }});
  if (!consumer.ok()) return consumer.status();
  return Admit(source, *std::move(consumer));
}

// It may have ended meanwhile.
absl::StatusOr<std::uint64_t> ReadChannel::Admit(const Shared& source, std::unique_ptr<Consumer> consumer) {
  MutexLock lock(mutex_);
  if (!end_.ok()) {
    absl::Status why = end_;
    lock.native().unlock();
    consumer->Stop();
    lock.native().lock();
    return why;
  }
  source->consumer = consumer.get();
  Grant(*source, std::exchange(source->owed, 0));
  sources_.emplace(++last_source_, source);
  consumers_.emplace(last_source_, std::move(consumer));
  return last_source_;
}

void ReadChannel::Close(std::uint64_t source) {
  MutexLock stopping(stop_mutex_);
  std::unique_ptr<Consumer> consumer;
  {
    MutexLock lock(mutex_);
    const auto found = consumers_.find(source);
    if (found == consumers_.end()) return;
    consumer = std::move(found->second);
    consumers_.erase(found);
    sources_.at(source)->consumer = nullptr;
  }
  consumer->Stop();
  MutexLock lock(mutex_);
  dropped_before_ += sources_.at(source)->queue.dropped();
  sources_.erase(source);
}

void ReadChannel::OnArrived(const Shared& source, std::vector<std::unique_ptr<StoredMessage>> messages) {
  bool news = false, disconnected = false;
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    counters_.received += messages.size();
    counters_.lag = messages.back()->pending();
    if (options_.when_full != WhenFull::kBlock) Grant(*source, messages.size());
    for (auto& message : messages) source->queue.Push(std::move(message));
    if (!source->queue.empty() && !std::exchange(source->in_turn, true)) turns_.push_back(source);
    news = source->queue.TakeNews();
    disconnected = source->queue.disconnected() && end_.ok();
    if (disconnected) {
      ++counters_.disconnects;
      end_ = absl::OutOfRangeError(absl::StrCat("read: ended, since the queue of ", options_.queue_capacity,
                                                " messages was full; read faster, or raise queue_capacity"));
    }
    changed_.NotifyAll();
  }
  if (disconnected) return Tell(LogLevel::kError, "has ended, since its queue was full");
  if (news) Tell(LogLevel::kWarning, "its queue is full, and messages are dropped");
}

void ReadChannel::OnClosed(const absl::Status& why) {
  MutexLock lock(mutex_);
  if (end_.ok()) end_ = why;
  changed_.NotifyAll();
}

void ReadChannel::Grant(Source& source, std::size_t count) {
  if (source.consumer == nullptr) {
    source.owed += count;
  } else if (count > 0) {
    source.consumer->AddCredit(count);
  }
}

std::unique_ptr<StoredMessage> ReadChannel::Take() {
  if (turns_.empty()) return nullptr;
  const Shared source = std::move(turns_.front());
  turns_.pop_front();
  std::unique_ptr<StoredMessage> message = source->queue.Pop();
  source->in_turn = !source->queue.empty();
  if (source->in_turn) turns_.push_back(source);
  if (options_.when_full == WhenFull::kBlock) Grant(*source, 1);
  ++counters_.handled;
  return message;
}

absl::StatusOr<std::shared_ptr<const StoredMessage>> ReadChannel::Next(TimePoint deadline) {
  MutexLock lock(mutex_);
  for (bool late = false;; late = !changed_.WaitUntil(lock, deadline)) {
    if (std::unique_ptr<StoredMessage> message = Take())
      return std::shared_ptr<const StoredMessage>(std::move(message));
    if (!end_.ok()) return end_;
    if (late) return absl::DeadlineExceededError("read: no message came in time");
  }
}

void ReadChannel::End(absl::Status why, Rest rest) {
  MutexLock stopping(stop_mutex_);
  std::map<std::uint64_t, std::unique_ptr<Consumer>> consumers;
  {
    MutexLock lock(mutex_);
    if (end_.ok()) end_ = std::move(why);
    if (rest == Rest::kIsDropped) {
      end_ = Closed();
      closed_ = true;
      for (const Shared& source : std::exchange(turns_, {})) source->queue.Clear();
    }
    for (const auto& [number, source] : sources_) source->consumer = nullptr;
    consumers.swap(consumers_);
    changed_.NotifyAll();
  }
  for (const auto& [number, consumer] : consumers) consumer->Stop();
}

bool ReadChannel::ended() const {
  MutexLock lock(mutex_);
  return !end_.ok();
}

std::uint64_t ReadChannel::Dropped() const {
  std::uint64_t dropped = dropped_before_;
  for (const auto& [number, source] : sources_) dropped += source->queue.dropped();
  return dropped;
}

std::uint64_t ReadChannel::dropped() const {
  MutexLock lock(mutex_);
  return Dropped();
}

SubscriptionStats ReadChannel::Stats() const {
  MutexLock lock(mutex_);
  SubscriptionStats stats = counters_;
  stats.id = id_;
  stats.topic = topic_;
  stats.durable = options_.group;
  stats.dropped = Dropped();
  stats.window = options_.queue_capacity;
  for (const Shared& source : turns_) stats.in_flight += source->queue.size();
  stats.active = end_.ok();
  for (const auto& [number, consumer] : consumers_) {
    const ConsumerStats each = consumer->Stats();
    stats.active = stats.active && each.active;
    stats.resubscribes += each.resubscribes;
  }
  return stats;
}

void ReadChannel::Tell(LogLevel level, const std::string& what) const {
  if (!log_) return;
  log_(level, absl::StrCat("reader ", id_, " of ", Quoted(topic_), ", ", options_.queue_capacity, " messages: ", what));
}

}  // namespace penstock::eventbus
