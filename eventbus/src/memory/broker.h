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

struct BrokerFeed;

/// Streams and consumers inside the process, and the one thread that hands their messages to feeds. Used by one
/// transport, or by all that name it; it ends when the last of them leaves, and what it stored ends with it.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** shared by its users. Not to be destroyed by a callback of its own.
/// **Blocking:** `StopFeed` and `Leave` wait for callbacks that run; nothing else waits. No lock is held while a
/// callback or a `PublishDone` runs.
/// **Ordering:** as `MemoryConsumer`; callbacks of all feeds run one after the other, the feeds of a consumer and the
/// consumers of the broker taking turns.
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

  /// Stops the user's feeds, so that others can take over, and waits for a callback of theirs that runs.
  void Leave(const void* user);

  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec);

  /// See `Transport::OpenFeed`. `kNotFound` when the stream is missing, `kFailedPrecondition` when the user has left.
  absl::StatusOr<std::shared_ptr<BrokerFeed>> OpenFeed(const void* user, const FeedSpec& spec, FeedEvents events);

  /// Stores and answers: `kNotFound` when no stream has the subject, else as `MemoryStream::Append`.
  absl::StatusOr<PubAck> Publish(Outgoing message);

  /// The first message at or after `from_sequence` whose subject `filter` takes; null when there is none.
  std::shared_ptr<const Record> Read(std::string_view stream, std::string_view filter, std::uint64_t from_sequence);
  /// False when there is no such message.
  bool Delete(std::string_view stream, std::uint64_t sequence);

  void Grant(BrokerFeed& feed, std::size_t count);
  void Settle(BrokerFeed& feed, std::uint64_t sequence, Verb verb);
  /// See `Feed`.
  void SetWindow(BrokerFeed& feed, std::size_t max_in_flight);
  void QuietFeed(BrokerFeed& feed);
  static bool Owns(const BrokerFeed& feed);
  void StopFeed(BrokerFeed& feed);
  bool IsActive(const BrokerFeed& feed) const;

 private:
  friend struct BrokerFeed;
  struct Consumer;
  struct Stream;
  struct Parcel {
    std::shared_ptr<BrokerFeed> feed{};
    std::vector<Taken> messages{};
  };

  std::vector<std::shared_ptr<BrokerFeed>> FeedsOf(const void* user);
  void Run();
  std::optional<Parcel> AwaitParcel();
  void ParcelDelivered();
  std::optional<Parcel> NextParcel(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Parcel> ParcelOf(Consumer& consumer, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WakeAt(TimePoint due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MarkReady(Consumer& consumer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NotifyThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Stream* StreamOf(const std::string& subject) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CheckNoOverlap(const StreamSpec& spec) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<Consumer*> ConsumerFor(Stream& stream, const FeedSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Attach(const std::shared_ptr<BrokerFeed>& feed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Detach(BrokerFeed& feed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveTo(Consumer& consumer, BrokerFeed& owner) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar work_;       ///< the thread has something to do
  CondVar delivered_;  ///< a callback has returned
  std::set<const void*> users_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;  ///< the thread waits for `work_`
  TimePoint wake_at_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();
  std::map<std::string, std::unique_ptr<Stream>, std::less<>> streams_ ABSL_GUARDED_BY(mutex_);
  /// Streams by their subjects without wildcards.
  absl::flat_hash_map<std::string, Stream*> stream_by_subject_ ABSL_GUARDED_BY(mutex_);
  /// Consumers that may have something to deliver, each once, in the order of their turns.
  std::deque<Consumer*> ready_ ABSL_GUARDED_BY(mutex_);
  BrokerFeed* running_ ABSL_GUARDED_BY(mutex_) = nullptr;  ///< the feed whose callback runs; its parcel keeps it alive
  std::thread thread_;
  const std::thread::id thread_id_;
};

}  // namespace penstock::eventbus::memory
