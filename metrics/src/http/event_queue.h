// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/actorpool/internal/mutex.h"
#include "penstock/metrics/event_stream.h"

namespace penstock::metrics {

/// An event in the bytes of the protocol; nothing when its type or ID cannot be written.
std::optional<std::string> EncodeEvent(const ServerSentEvent& event);

/// The bytes between those who send events and the connection that writes them.
///
/// **Thread safety:** thread-safe. **Blocking:** nothing.
class EventQueue {
 public:
  /// Asks the connection to look at the queue; called under the queue's lock. Must not call back.
  using Wake = std::function<void()>;

  EventQueue(std::size_t max_bytes, Wake wake) : max_bytes_(max_bytes), wake_(std::move(wake)) {}

  /// For those who send; see `EventStream`.
  absl::Status Push(std::string_view bytes);
  bool closed() const;
  void Close();

  /// For the connection. The next bytes to write, all that there are; what the call before took is written.
  std::string Take();
  /// Nothing comes any more, and nothing is left. `overflowed`: the client was too slow.
  bool finished() const;
  bool overflowed() const;
  /// The connection is gone: nothing is taken any more, and nobody woken.
  void Abandon();

 private:
  void WakeOnce() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t max_bytes_;
  mutable Mutex mutex_;
  Wake wake_ ABSL_GUARDED_BY(mutex_);
  bool woken_ ABSL_GUARDED_BY(mutex_) = false;  // since `Take`
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool overflowed_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t being_written_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string waiting_ ABSL_GUARDED_BY(mutex_);
};

/// The sender's end of a queue.
class QueuedEventStream : public EventStream {
 public:
  explicit QueuedEventStream(std::shared_ptr<EventQueue> queue) : queue_(std::move(queue)) {}
  ~QueuedEventStream() override { queue_->Close(); }
  QueuedEventStream(const QueuedEventStream&) = delete;
  QueuedEventStream& operator=(const QueuedEventStream&) = delete;

  absl::Status Send(const ServerSentEvent& event) override;
  bool closed() const override { return queue_->closed(); }
  void Close() override { queue_->Close(); }

 private:
  const std::shared_ptr<EventQueue> queue_;
};

}  // namespace penstock::metrics
