// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "delivery/in_flight_message.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/eventbus/outcome.h"

namespace penstock::eventbus {

HandlerResult ToHandlerResult(const Outcome& outcome);

/// The state that a handler's call shares with its token. The message ends when both are through with it, or the
/// handler is and the message was taken back.
///
/// **Thread safety:** thread-safe. **Ownership:** shared by the token and the subscription, whose `finish` is called
/// once, by whoever comes last, without a lock held.
class Deferral {
 public:
  /// The effect of taking the message back.
  enum class TakenBack {
    kEnds,   ///< it ends the message
    kWaits,  ///< nothing: the message is handled, and ends by itself
  };

  explicit Deferral(std::function<void(HandlerResult result)> finish, TakenBack taken_back = TakenBack::kEnds)
      : finish_(std::move(finish)), taken_back_(taken_back) {}

  /// See `DeferredOutcome::Settle`.
  absl::Status Settle(const Outcome& outcome);
  const OriginProcess& origin() const { return origin_; }
  /// The message ends so, unless it was settled or has been handed back before.
  void End(HandlerResult result);
  /// The handler's call has ended.
  void Returned();
  /// The message is handed back; its outcome does not matter any more.
  void TakeBack();
  TakenBack taken_back() const { return taken_back_; }

 private:
  // `lock` is released when the message ends.
  void FinishIfOver(MutexLock& lock) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const OriginProcess origin_{};
  Mutex mutex_;
  const std::function<void(HandlerResult result)> finish_;
  const TakenBack taken_back_;
  std::optional<HandlerResult> result_ ABSL_GUARDED_BY(mutex_);
  bool returned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock::eventbus
