// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/log.h"
#include "penstock/eventbus/envelope.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"
#include "penstock/eventbus/outcome.h"

namespace penstock {

/// The rest of a call: the middleware further in, and at last the handler.
class NextHandler {
 public:
  explicit NextHandler(std::function<Outcome()> call) : call_(std::move(call)) {}
  NextHandler(const NextHandler&) = delete;
  NextHandler& operator=(const NextHandler&) = delete;

  /// Calls it. A second call does not, and returns what the first one did.
  Outcome operator()();

 private:
  std::function<Outcome()> call_;
  std::optional<Outcome> outcome_{};
};

/// Something around every publish and every handler of envelopes. Given to a bus (`BusOptions::middleware`), it is
/// around all of them; given to a subscription (`EnvelopeSubscribeOptions::middleware`), around its handler.
///
/// **Ordering:** the first of a list is outermost: it begins first and ends last. A bus's are around a subscription's.
/// **Thread safety:** called from many threads at once, one call at a time per aggregate while handling.
class Middleware {
 public:
  virtual ~Middleware() = default;

  /// Around the handling of an event. Returns the outcome of `next`, or another one; without a call of `next` the
  /// handler does not run. A throw counts as one of the handler.
  virtual Outcome OnHandle(const Envelope& /*envelope*/, const Delivery& /*delivery*/, NextHandler& next) {
    return next();
  }

  /// Before an envelope is published; may change it and the options. An error is returned to the caller, and nothing is
  /// sent. On the calling thread. A throw is `kInternal`.
  virtual absl::Status BeforePublish(std::string_view /*topic*/, Envelope& /*envelope*/, PublishOptions& /*options*/) {
    return absl::OkStatus();
  }

  /// With the result of a publish that was accepted for sending. As a `PublishCallback`: must not block or throw.
  virtual void AfterPublish(std::string_view /*topic*/, const absl::StatusOr<PubAck>& /*ack*/) {}
};

namespace middleware {

/// Calls `on_success` after an event was handled, and `on_failure` after any other outcome but `Deferred()`, with it; a
/// throw counts as `Retry` with its text, and goes on. Either may be empty.
std::shared_ptr<Middleware> Callbacks(
    std::function<void(const Envelope& envelope, const Delivery& delivery)> on_success,
    std::function<void(const Envelope& envelope, const Delivery& delivery, const Outcome& outcome)> on_failure);

/// Decides which failures are for good: an outcome `Retry` for which it returns true becomes `Reject`, so that the
/// event goes to the dead letters at once. A throw is asked about as `Retry` with its text.
std::shared_ptr<Middleware> Permanent(
    std::function<bool(const Envelope& envelope, const Outcome& failure)> is_permanent);

/// Carries the trace of the event that a handler is called for (W3C `traceparent`, and `trace_id`) into the envelopes
/// that the handler publishes on its own thread and that have none.
std::shared_ptr<Middleware> TraceContext();

/// Writes a line at `level` after each handled event: topic, type, ID, aggregate, attempt, outcome and time.
std::shared_ptr<Middleware> Log(LogSink sink, LogLevel level = LogLevel::kInfo);

}  // namespace middleware

}  // namespace penstock
