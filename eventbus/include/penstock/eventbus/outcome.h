// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace penstock {

namespace eventbus {
class Deferral;
}  // namespace eventbus

/// The outcome of a message, returned by its handler. A value; made by `Ack`, `Retry`, `RetryAfter`, `Reject`,
/// `Deferred`, or from an `absl::Status`: ok is `Ack`, anything else `Retry` with the status' text. A lambda has one
/// return type: one that returns both outcomes and statuses says `-> Outcome`, or `return Outcome(status);`.
class Outcome {
 public:
  enum class Kind { kAck, kRetry, kReject, kDeferred };

  // NOLINTNEXTLINE(google-explicit-constructor): handlers return a status where an outcome is asked for.
  Outcome(const absl::Status& status)
      : kind_(status.ok() ? Kind::kAck : Kind::kRetry), reason_(status.ok() ? std::string() : status.ToString()) {}

  /// Handled, with a value that is kept as the message's result where the subscription keeps results (`Result`).
  static Outcome With(std::string value) {
    Outcome outcome(Kind::kAck, {}, std::chrono::milliseconds{-1});
    outcome.value_ = std::make_shared<const std::string>(std::move(value));
    return outcome;
  }

  /// Handled, as the handler knows, at an earlier attempt: acknowledged. A result of that attempt stays as it is; where
  /// there is none, `value` is kept as `With` does, or nothing if the value is not known any more.
  static Outcome AlreadyHandled(std::optional<std::string> value = std::nullopt) {
    Outcome outcome(Kind::kAck, {}, std::chrono::milliseconds{-1});
    if (value) outcome = With(*std::move(value));
    outcome.already_handled_ = true;
    return outcome;
  }

  Kind kind() const { return kind_; }
  /// Why; kept with a dead letter. Empty for `kAck`.
  const std::string& reason() const { return reason_; }
  bool already_handled() const { return already_handled_; }
  /// The value given to `With` or `AlreadyHandled`; null: none.
  const std::shared_ptr<const std::string>& value() const { return value_; }
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
  std::shared_ptr<const std::string> value_{};
  bool already_handled_ = false;
};

/// Handled: the message is acknowledged and will not come again.
inline Outcome Ack() { return {Outcome::Kind::kAck, {}, std::chrono::milliseconds{-1}}; }

/// Not handled: retried after the subscription's back-off, until its attempts are used up.
inline Outcome Retry(std::string reason = {}) {
  return {Outcome::Kind::kRetry, std::move(reason), std::chrono::milliseconds{-1}};
}

/// Not handled: retried no sooner than after `delay` (a negative delay counts as 0, one that the clock cannot hold
/// as for ever), until its attempts are used up.
inline Outcome RetryAfter(std::chrono::milliseconds delay, std::string reason = {}) {
  return {Outcome::Kind::kRetry, std::move(reason), std::max(delay, std::chrono::milliseconds{0})};
}

/// Can never be handled: goes straight to the dead letters.
inline Outcome Reject(std::string reason) {
  return {Outcome::Kind::kReject, std::move(reason), std::chrono::milliseconds{-1}};
}

/// Not known yet: the token from `Delivery::Defer` reports it later. Without a call of `Defer` this counts as `Retry`.
inline Outcome Deferred() { return {Outcome::Kind::kDeferred, {}, std::chrono::milliseconds{-1}}; }

/// Reports the outcome of a message later, from any thread, without occupying a worker. Until then the message's key
/// waits and its lease is extended. Made by `Delivery::Defer`.
///
/// **Thread safety:** thread-compatible; tokens of different messages are independent of each other.
/// **Ownership:** move-only. If it is destroyed before `Settle`, the outcome is `Retry`. It may outlive its bus.
/// **Shutdown:** `Drain` waits for tokens until its deadline; then, as on `Close` and `Unsubscribe`, the message is
/// handed back.
class DeferredOutcome {
 public:
  DeferredOutcome() = default;  ///< belongs to no message
  DeferredOutcome(DeferredOutcome&&) = default;
  DeferredOutcome& operator=(DeferredOutcome&& other) noexcept;
  ~DeferredOutcome();

  /// Reports the outcome. `kFailedPrecondition` when that was done before, the token belongs to no message, or the
  /// message was handed back (and will be handled again). `kInvalidArgument` for `Deferred()`. Does not block; the
  /// key's next message may begin before this returns.
  absl::Status Settle(const Outcome& outcome);

 private:
  friend class Delivery;
  explicit DeferredOutcome(std::shared_ptr<eventbus::Deferral> deferral) : deferral_(std::move(deferral)) {}

  std::shared_ptr<eventbus::Deferral> deferral_{};
};

}  // namespace penstock
