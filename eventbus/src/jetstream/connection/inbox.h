// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "jetstream/connection/link.h"
#include "jetstream/io/subscription_table.h"
#include "jetstream/message/received_message.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// A subscription to an inbox of our own, without limits on what may wait in it: what can come is bounded by what was
/// asked for.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns the subscription, shares the connection.
/// **Blocking:** `Close` waits for a handler that runs, unless called from it.
/// **Ordering:** the handler is called by one thread at a time, in the order of arrival.
/// **Shutdown:** no handler runs after `Close` has returned (or, called from the handler, after that call of it).
class Inbox final : public InboundHandler {
 public:
  enum class Use {
    kDeliveries,  ///< messages for user handlers
    kAnswers,     ///< answers of the server
  };
  /// `more`: further messages wait already. Must not block and must not throw.
  using Handler = std::function<void(MessageHandle message, bool more)>;

  /// Subscribes. `idle` is told, on the loop's thread, when nothing waits here any more. No message is handed on
  /// before `Release`. `kUnavailable` when the connection is over.
  static absl::StatusOr<std::shared_ptr<Inbox>> Open(std::shared_ptr<Link> link, const std::string& subject, Use use,
                                                     Handler handler, std::function<void()> idle = {});

  ~Inbox() override;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void Release();
  void Close();

  bool feeds_handlers() const override { return use_ == Use::kDeliveries; }
  void OnMessage(MessageHandle message) override;
  void OnReadable() override;
  void OnIdle() override;

 private:
  enum class State { kHeld, kOpen, kClosed };

  Inbox(std::shared_ptr<Link> link, Use use, Handler handler, std::function<void()> idle);
  bool Enter();
  void Leave();

  const std::shared_ptr<Link> link_;
  const Use use_;
  const Handler handler_;
  const std::function<void()> idle_;
  std::uint64_t subscription_ = 0;                       // set by `Open`
  std::vector<MessageHandle> waiting_{}, handing_on_{};  // of the loop's thread
  Mutex mutex_;
  CondVar changed_;
  std::atomic<bool> closed_{false};  // relaxed: a hint to stop handing on early
  State state_ ABSL_GUARDED_BY(mutex_) = State::kHeld;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
