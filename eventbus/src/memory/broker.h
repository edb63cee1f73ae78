// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "memory/memory_consumer.h"
#include "memory/memory_stream.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus::memory {

struct BrokerConsumer;
struct BrokerStream;
struct BrokerSubscriber;

/// Streams and consumers inside the process, and the one thread that hands their messages to subscribers. Used by one
/// transport, or by all that name it; it ends when the last of them leaves, and what it stored ends with it.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** shared by its users. Not to be destroyed by a callback of its own.
/// **Blocking:** `StopSubscriber` and `Leave` wait for callbacks that run; nothing else waits. No lock is held while a
/// callback or a `PublishDone` runs.
/// **Ordering:** as `MemoryConsumer`; callbacks of all subscribers run one after the other, the subscribers of a
/// consumer and the consumers of the broker taking turns.
/// **Shutdown:** leave; the last one to leave joins the thread (unless it leaves from a callback: then the destructor
/// does).
class Broker {
 public:
  Broker();
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Registers a user, known by its address. False when the last user has left already.
  bool Enter(const void* user);

  /// Stops the user's subscribers, so that others can take over, and waits for a callback of theirs that runs.
  void Leave(const void* user);

  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec);

  /// Nothing when there is no such stream.
  std::optional<StreamFacts> FindStream(std::string_view name) const;
  /// See `Transport::ListStreams`.
  std::vector<std::string> ListStreams(std::string_view pattern) const;

  /// See `Transport::OpenConsumer`. `kNotFound` when the stream is missing, `kFailedPrecondition` when the user has
  /// left.
  absl::StatusOr<std::shared_ptr<BrokerSubscriber>> OpenConsumer(const void* user, const ConsumerSpec& spec,
                                                                 ConsumerEvents events);

  /// Stores and answers: `kNotFound` when no stream has the subject, which leaves `message` as it is; else as
  /// `MemoryStream::Append`.
  absl::StatusOr<PubAck> Publish(OutboundMessage& message);

  /// The first message at or after `from_sequence` whose subject `filter` takes; null when there is none.
  std::shared_ptr<const Record> Read(std::string_view stream, std::string_view filter, std::uint64_t from_sequence);
  /// All of them, by ascending sequence.
  std::vector<std::shared_ptr<const Record>> ReadAll(std::string_view stream, std::string_view filter,
                                                     std::uint64_t from_sequence);
  /// Nothing when there is no such stream.
  std::optional<StreamContents> Contents(std::string_view stream);
  /// The last message of the subject; null when there is none.
  std::shared_ptr<const Record> ReadLast(std::string_view stream, std::string_view subject);
  /// The last messages of all subjects that `filter` takes, by ascending sequence.
  std::vector<std::shared_ptr<const Record>> ReadLastOfEach(std::string_view stream, std::string_view filter);
  /// The spec that the stream was made with; nothing when there is none.
  std::optional<StreamSpec> FindSpec(std::string_view stream);
  /// False when there is no such message.
  bool Delete(std::string_view stream, std::uint64_t sequence);

  void AddCredit(BrokerSubscriber& subscriber, std::size_t count);
  void Acknowledge(BrokerSubscriber& subscriber, std::uint64_t sequence, AckType type);
  /// See `eventbus::Consumer`.
  void SetWindow(BrokerSubscriber& subscriber, std::size_t max_in_flight);
  void QuietSubscriber(BrokerSubscriber& subscriber);
  void StopSubscriber(BrokerSubscriber& subscriber);
  bool IsActive(const BrokerSubscriber& subscriber) const;
  bool IsStandingBy(const BrokerSubscriber& subscriber) const;

 private:
  struct Batch {
    std::shared_ptr<BrokerSubscriber> subscriber{};
    std::vector<Taken> messages{};
  };

  std::vector<std::shared_ptr<BrokerSubscriber>> SubscribersOf(const void* user);
  void Run();
  std::optional<Batch> AwaitBatch();
  void BatchDelivered();
  std::optional<Batch> NextBatch(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Batch> BatchOf(BrokerConsumer& consumer, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeAt(TimePoint due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MarkReady(BrokerConsumer& consumer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NotifyThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<BrokerStream*> Make(const StreamSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<BrokerStream*> StreamFor(const ConsumerSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ForgetIfUnused(BrokerStream& stream, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  BrokerStream* StreamOf(const std::string& subject) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckNoOverlap(const StreamSpec& spec) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Attach(const std::shared_ptr<BrokerSubscriber>& subscriber) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Detach(BrokerSubscriber& subscriber) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveTo(BrokerConsumer& consumer, BrokerSubscriber& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar work_;       ///< the thread has something to do
  CondVar delivered_;  ///< a callback has returned
  std::set<const void*> users_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;  ///< the thread waits for `work_`
  TimePoint wake_at_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();
  std::map<std::string, std::unique_ptr<BrokerStream>, std::less<>> streams_ ABSL_GUARDED_BY(mutex_);
  /// Streams by their subjects without wildcards.
  absl::flat_hash_map<std::string, BrokerStream*> stream_by_subject_ ABSL_GUARDED_BY(mutex_);
  /// Consumers that may have something to deliver, each once, in the order of their turns.
  std::deque<BrokerConsumer*> ready_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t last_fence_ ABSL_GUARDED_BY(mutex_) = 0;
  BrokerSubscriber* running_ ABSL_GUARDED_BY(mutex_) =
      nullptr;  ///< the subscriber whose callback runs; its batch keeps it alive
  std::thread thread_;
  const std::thread::id thread_id_;
};

}  // namespace penstock::eventbus::memory
