// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "jetstream/connection.h"
#include "jetstream/handles.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::eventbus::jetstream {

/// A subscription to an inbox of our own, without limits on what may wait in it: what can come is bounded by what was
/// asked for.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns the subscription, shares the connection.
/// **Blocking:** `Close` waits for a handler that runs, unless called from it.
/// **Ordering:** the handler is called by one thread of the library, in the order of arrival.
/// **Shutdown:** no handler runs after `Close` has returned (or, called from the handler, after that call of it).
class Inbox {
 public:
  /// `more`: further messages wait already. Must not block and must not throw.
  using Handler = std::function<void(MessageHandle message, bool more)>;

  /// Subscribes. No message is handed on before `Release`.
  static absl::StatusOr<std::shared_ptr<Inbox>> Open(std::shared_ptr<Link> link, const std::string& subject,
                                                     Handler handler);

  ~Inbox();
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void Release();
  void Close();

  /// A subject that nobody else uses.
  static absl::StatusOr<std::string> UniqueSubject();

 private:
  enum class State { kHeld, kOpen, kClosed };

  Inbox(std::shared_ptr<Link> link, Handler handler);
  static void OnMessage(natsConnection* connection, natsSubscription* subscription, natsMsg* message, void* closure);
  bool Enter();
  void Leave();

  const std::shared_ptr<Link> link_;
  const Handler handler_;
  void* closure_ = nullptr;          // set before the subscription is made
  SubscriptionHandle subscription_;  // ended by `Close`
  Mutex mutex_;
  CondVar changed_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kHeld;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
