// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/delay/delayed_removals.h"
#include "bus/delay/relay_book.h"
#include "bus/publish/topic_streams.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/stats.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Publishes delayed messages when they are due, and then removes them. One process of those that relay owns the
/// durable of the delayed messages, and with it the relay; it learns of new messages as that durable's consumer, and of
/// those that wait already by reading the stream when it becomes the owner. A message is published with its own message
/// ID, so that one that a predecessor published and did not remove is stored once, within the duplicate window.
///
/// **Thread safety:** thread-safe. Outlived by transport and streams; the transport is closed before it is destroyed.
/// **Blocking:** `Stop` only. **Shutdown:** `Stop`, then the transport's end, which ends a publish that still waits;
/// the destructor waits for that.
class DelayRelay {
 public:
  using Deadline = std::chrono::steady_clock::time_point;

  /// Of messages that wait, which costs each its subject and about 200 bytes besides.
  static constexpr std::size_t kMostBytes = std::size_t{64} << 20;

  DelayRelay(const BusOptions& options, Transport& transport, TopicStreams& streams,
             std::size_t most_bytes = kMostBytes);
  ~DelayRelay();
  DelayRelay(const DelayRelay&) = delete;
  DelayRelay& operator=(const DelayRelay&) = delete;

  /// Relays from now on. Idempotent.
  void Start();
  /// Publishes nothing more, and goes on removing what was published until the deadline. Does not block.
  void BeginStop(Deadline deadline);
  /// Publishes nothing more, waits until the deadline for what is being published and removed, and hands the relay
  /// over. Idempotent.
  void Stop(Deadline deadline);

  DelayStats Stats() const;

 private:
  struct Published {
    RelayBook::Ticket ticket{};
    absl::Status status{};
  };
  struct Mark {
    std::uint64_t beginning = 0;
    absl::StatusOr<PubAck> stored = PubAck{};
  };
  struct Removed {
    std::uint64_t sequence = 0;
    std::uint64_t epoch = 0;  ///< of the stream
  };
  /// The happenings on other threads since the relay's last look.
  struct News {
    std::vector<std::unique_ptr<StoredMessage>> arrived{};
    std::vector<Published> published{};
    std::vector<Removed> removed{};
    std::vector<Mark> marks{};
    bool others_owned = false;  ///< the durable; what waits is to be read again
    bool other_stream = false;  ///< of the same name
    std::optional<absl::Status> closed{};
    bool any = false;
  };

  void Run();
  /// The news, when there are any, something is due, or a moment has passed.
  News Await();
  void End();
  std::shared_ptr<Consumer> consumer() const;
  std::chrono::steady_clock::time_point NextLook() const;
  bool HasNews() const;
  bool Stopping() const;
  void Open();
  void Keep(std::shared_ptr<Consumer> consumer);
  ConsumerEvents Events();
  template <typename Change>
  void Tell(Change change);
  void Heed(News news);
  void Acknowledge(const std::vector<std::unique_ptr<StoredMessage>>& messages);
  void Admit(std::unique_ptr<StoredMessage> message);
  void Note(const StoredMessage& told, std::unique_ptr<StoredMessage> message);
  void Settle(const Published& published);
  bool Owns() const;
  void PutMark();
  void Marked(const Mark& mark);
  void Load();
  bool Step();
  void Read(const DueQueue::Unread& unread);
  void Relay(std::uint64_t sequence);
  absl::Status Send(const DueQueue::Waiting& waiting);
  void PutBack(std::uint64_t sequence, const absl::Status& why);
  static constexpr char kAgain[] = "it is tried again";
  void TellTrouble(const char* what, const absl::Status& why, const char* then = kAgain);
  void Count();

  const BusOptions& options_;
  Transport& transport_;
  TopicStreams& streams_;
  const StreamSpec spec_;

  // Of the relay's thread.
  Deadline opens_from_{}, loads_from_{};
  RelayBook book_;

  std::atomic<bool> started_{false}, owner_{false};
  std::atomic<std::uint64_t> waiting_{0}, relayed_{0}, failed_{0};  // statistics: no order needed
  std::atomic<std::int64_t> first_due_{0};                          // nanoseconds since the epoch; 0: none

  mutable Mutex mutex_;
  CondVar changed_;
  News news_ ABSL_GUARDED_BY(mutex_);
  std::string trouble_ ABSL_GUARDED_BY(mutex_);  ///< logged last
  std::optional<Deadline> stop_at_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = true;  ///< the relay's thread has nothing more to do
  std::shared_ptr<Consumer> consumer_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
  DelayedRemovals removals_;
};

}  // namespace penstock::eventbus
