// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bucket/bucket_stream.h"
#include "bucket/watch_thread.h"
#include "jetstream/api/api_client.h"
#include "jetstream/bucket/watch_cursor.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/inbox.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// A watch over a server: an ephemeral consumer, pulled from, that is made anew behind the last message reported
/// whenever it, the connection or a delivery was lost. At most `kBatch` messages wait here for a slow callback.
/// Everything else as `KeyValueWatch`.
class JetStreamWatch final : public KeyValueWatch, private ConnectionObserver {
 public:
  struct Plan {
    std::shared_ptr<Connection> connection{};
    std::string stream{};
    std::string filter{};
    StreamWatchEvents events{};
    LogSink log{};
    std::stop_token closing{};  ///< of the transport
  };
  static constexpr std::uint64_t kBatch = 64;

  /// Makes the first consumer, then reports on a thread of its own.
  static absl::StatusOr<std::unique_ptr<KeyValueWatch>> Start(Plan plan, std::shared_ptr<Link> link,
                                                              const CallLimit& limit);
  ~JetStreamWatch() override;

  void Stop() override;

 private:
  using Clock = Connection::Clock;

  explicit JetStreamWatch(Plan plan);

  absl::Status Begin(std::shared_ptr<Link> link, const CallLimit& limit);
  absl::Status MakeConsumer(const CallLimit& limit);
  void Run(const std::stop_token& stop);
  void Resume(const std::stop_token& stop);
  void Follow(const std::stop_token& stop);
  absl::Status Handle(MessageHandle message);
  absl::Status HandleStatus(const ReceivedMessage& message);
  absl::Status Request();
  MessageHandle AwaitMessage(Clock::time_point deadline, const std::stop_token& stop);
  void AwaitChange(Clock::time_point deadline, const std::stop_token& stop);
  void TellUpToDate();
  void EndConsumer();
  bool Ended(const std::stop_token& stop) const { return stop.stop_requested() || plan_.closing.stop_requested(); }
  void Wake();
  void OnConnectionChanged() override { Wake(); }

  const Plan plan_;
  ApiClient api_;

  // Of the caller until the thread runs, then of the thread.
  WatchCursor cursor_;
  std::shared_ptr<Link> link_{};
  std::shared_ptr<Inbox> inbox_{};
  std::string inbox_subject_{};
  std::string consumer_{};
  std::uint64_t requests_ = 0;
  std::uint64_t outstanding_ = 0;  // of the last request, messages that have not come
  std::uint64_t seen_changes_ = 0;
  bool warned_ = false;  // that it cannot go on
  std::chrono::milliseconds backoff_{0};

  Mutex mutex_;
  CondVar changed_;
  std::deque<MessageHandle> arrived_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;  // of the connection, or an end

  WatchThread thread_{};
};

}  // namespace penstock::eventbus::jetstream
