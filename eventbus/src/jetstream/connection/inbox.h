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
#include "jetstream/connection/connection.h"
#include "jetstream/io/handles.h"
#include "jetstream/protocol/received_message.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::eventbus::jetstream {

/// A subscription to an inbox of our own, without limits on what may wait in it: what can come is bounded by what was
/// asked for.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns the subscription, shares the connection.
/// **Blocking:** `Close` waits for a handler that runs, unless called from it.
/// **Ordering:** the handler is called by one thread, in the order of arrival.
/// **Shutdown:** no handler runs after `Close` has returned (or, called from the handler, after that call of it).
class Inbox final : public Readable {
 public:
  /// What comes, and so who calls the handler.
  enum class Use {
    kDeliveries,  ///< for handlers, by the link's loop. A "no responders" may be a null message: the library swallows
                  ///< it
    kAnswers,     ///< by the link's loop, or a thread of the library's where only that can tell all of them apart
  };
  /// `more`: further messages wait already. Must not block and must not throw.
  using Handler = std::function<void(MessageHandle message, bool more)>;

  /// Subscribes. `resting` is told, on the loop's thread, when nothing waits here any more. No message is handed on
  /// before `Release`.
  static absl::StatusOr<std::shared_ptr<Inbox>> Open(std::shared_ptr<Link> link, const std::string& subject, Use use,
                                                     Handler handler, std::function<void()> on_idle = {});

  ~Inbox() override;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void Release();
  void Close();
  std::uint64_t subscription_number() const override { return number_; }
  bool feeds_handlers() const override { return use_ == Use::kDeliveries; }
  void Take(MessageHandle message) override;
  void Drain() override;
  void Rest() override;

  /// A subject that nobody else uses.
  static absl::StatusOr<std::string> UniqueSubject();

 private:
  enum class State { kHeld, kOpen, kClosed };

  Inbox(std::shared_ptr<Link> link, Use use, Handler handler, std::function<void()> resting);
  static void OnMessage(natsConnection* connection, natsSubscription* subscription, natsMsg* message, void* closure);
  bool on_loop() const { return use_ == Use::kDeliveries || !link_->loop().leaves_messages_to_library(); }
  natsStatus Subscribe(const char* subject);
  void TakeFromLibrary();
  bool Enter(bool wait);
  void Leave();

  const std::shared_ptr<Link> link_;
  const Use use_;
  const Handler handler_;
  const std::function<void()> resting_;
  void* closure_ = nullptr;                            // set before the subscription is made
  SubscriptionHandle subscription_;                    // ended by `Close`
  std::uint64_t number_ = 0;                           // the library's, of the subscription
  std::vector<MessageHandle> waiting_{}, draining_{};  // of the loop's thread
  Mutex mutex_;
  CondVar changed_;
  std::atomic<bool> closed_{false};  // relaxed: a hint to end a drain early
  State state_ ABSL_GUARDED_BY(mutex_) = State::kHeld;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id runner_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
