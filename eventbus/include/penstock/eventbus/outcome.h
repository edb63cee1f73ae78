// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace penstock {

namespace eventbus {
class Deferral;
}  // namespace eventbus

/// The outcome of a handler's message, as the handler returns it. A value; made by `Ack`, `Retry`, `RetryAfter`,
/// `Reject`, `Deferred`, or from an `absl::Status`: ok is `Ack`, anything else `Retry` with the status' text.
class Outcome {
 public:
  enum class Kind { kAck, kRetry, kReject, kDeferred };

  // NOLINTNEXTLINE(google-explicit-constructor): handlers return a status where an outcome is asked for.
  Outcome(const absl::Status& status)
      : kind_(status.ok() ? Kind::kAck : Kind::kRetry), reason_(status.ok() ? std::string() : status.ToString()) {}

  Kind kind() const { return kind_; }
  /// Why; kept with a dead letter. Empty for `kAck`.
  const std::string& reason() const { return reason_; }
  /// The pause asked for by `RetryAfter`; negative: the subscription's own back-off.
  std::chrono::milliseconds delay() const { return delay_; }

 private:
  Outcome(Kind kind, std::string reason, std::chrono::milliseconds delay)
      : kind_(kind), reason_(std::move(reason)), delay_(delay) {}

  friend Outcome Ack();
  friend Outcome Retry(std::string reason);
  friend Outcome RetryAfter(std::chrono::milliseconds delay, std::string reason);
  friend Outcome Reject(std::string reason);
  friend Outcome Deferred();

  Kind kind_;
  std::string reason_;
  std::chrono::milliseconds delay_{-1};
};

/// Handled: the message is acknowledged and will not come again.
inline Outcome Ack() { return {Outcome::Kind::kAck, {}, std::chrono::milliseconds{-1}}; }

/// Not handled: again after the subscription's back-off, until its attempts are used up.
inline Outcome Retry(std::string reason = {}) {
  return {Outcome::Kind::kRetry, std::move(reason), std::chrono::milliseconds{-1}};
}

/// Not handled: again after `delay` (not before; negative counts as 0), until the attempts are used up.
inline Outcome RetryAfter(std::chrono::milliseconds delay, std::string reason = {}) {
  return {Outcome::Kind::kRetry, std::move(reason), std::max(delay, std::chrono::milliseconds{0})};
}

/// Can never be handled: straight to the dead letters.
inline Outcome Reject(std::string reason) {
  return {Outcome::Kind::kReject, std::move(reason), std::chrono::milliseconds{-1}};
}

/// Not known yet: the `DeferredOutcome` taken by `Delivery::Defer` will tell. Without one it is a `Retry`.
inline Outcome Deferred() { return {Outcome::Kind::kDeferred, {}, std::chrono::milliseconds{-1}}; }

/// Tells later what became of a message, from any thread, without holding a worker. Until then its key waits and its
/// lease is kept. Made by `Delivery::Defer`.
///
/// **Thread safety:** thread-compatible; tokens of different messages are independent of each other.
/// **Ownership:** move-only. Dropped without having been settled it says `Retry`. It may outlive its bus.
/// **Shutdown:** `Drain` waits for tokens until its deadline; then, as on `Close` and `Unsubscribe`, the message is
/// handed back.
class DeferredOutcome {
 public:
  DeferredOutcome() = default;  ///< of no message
  DeferredOutcome(DeferredOutcome&&) = default;
  DeferredOutcome& operator=(DeferredOutcome&& other) noexcept;
  ~DeferredOutcome();

  /// `kFailedPrecondition` when it was settled before, is of no message, or the message has been handed back: it will
  /// be handled again. `kInvalidArgument` for `Deferred()`. Does not block; the key's next message may begin before it
  /// returns.
  absl::Status Settle(const Outcome& outcome);

 private:
  friend class Delivery;
  explicit DeferredOutcome(std::shared_ptr<eventbus::Deferral> deferral) : deferral_(std::move(deferral)) {}

  std::shared_ptr<eventbus::Deferral> deferral_{};
};

}  // namespace penstock
