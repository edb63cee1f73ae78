// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <exception>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "naming/names.h"
#include "penstock/eventbus/middleware.h"

namespace penstock {

Outcome NextHandler::operator()() {
  if (!outcome_) outcome_ = call_();
  return *outcome_;
}

namespace middleware {
namespace {

Outcome Thrown(const char* what) { return Retry(std::string("threw: ") + what); }

class CallbacksMiddleware final : public Middleware {
 public:
  using OnSuccess = std::function<void(const Envelope&, const Delivery&)>;
  using OnFailure = std::function<void(const Envelope&, const Delivery&, const Outcome&)>;

  CallbacksMiddleware(OnSuccess on_success, OnFailure on_failure)
      : on_success_(std::move(on_success)), on_failure_(std::move(on_failure)) {}

  Outcome OnHandle(const Envelope& envelope, const Delivery& delivery, NextHandler& next) override {
    try {
      Outcome outcome = next();
      if (outcome.kind() == Outcome::Kind::kAck && on_success_) on_success_(envelope, delivery);
      const bool failed = outcome.kind() == Outcome::Kind::kRetry || outcome.kind() == Outcome::Kind::kReject;
      if (failed && on_failure_) on_failure_(envelope, delivery, outcome);
      return outcome;
    } catch (const std::exception& error) {
      if (on_failure_) on_failure_(envelope, delivery, Thrown(error.what()));
      throw;
    }
  }

 private:
  const OnSuccess on_success_;
  const OnFailure on_failure_;
};

class PermanentMiddleware final : public Middleware {
 public:
  using IsPermanent = std::function<bool(const Envelope&, const Outcome&)>;

  explicit PermanentMiddleware(IsPermanent is_permanent) : is_permanent_(std::move(is_permanent)) {}

  Outcome OnHandle(const Envelope& envelope, const Delivery& /*delivery*/, NextHandler& next) override {
    try {
      Outcome outcome = next();
      const bool failed = outcome.kind() == Outcome::Kind::kRetry;
      return failed && IsPermanentFor(envelope, outcome) ? Reject(outcome.reason()) : outcome;
    } catch (const std::exception& error) {
      Outcome thrown = Thrown(error.what());
      if (IsPermanentFor(envelope, thrown)) return Reject(thrown.reason());
      throw;
    }
  }

 private:
  bool IsPermanentFor(const Envelope& envelope, const Outcome& failure) const {
    return is_permanent_ && is_permanent_(envelope, failure);
  }

  const IsPermanent is_permanent_;
};

/// The event that the handler on this thread is called for.
thread_local const Envelope* handled = nullptr;

class TraceContextMiddleware final : public Middleware {
 public:
  Outcome OnHandle(const Envelope& envelope, const Delivery& /*delivery*/, NextHandler& next) override {
    const absl::Cleanup restore = [before = std::exchange(handled, &envelope)] { handled = before; };
    return next();
  }

  absl::Status BeforePublish(std::string_view /*topic*/, Envelope& envelope, PublishOptions& /*options*/) override {
    if (handled == nullptr) return absl::OkStatus();
    if (envelope.traceparent.empty()) envelope.traceparent = handled->traceparent;
    if (envelope.trace_id.empty()) envelope.trace_id = handled->trace_id;
    return absl::OkStatus();
  }
};

const char* Name(Outcome::Kind kind) {
  if (kind == Outcome::Kind::kAck) return "handled";
  if (kind == Outcome::Kind::kRetry) return "to be tried again";
  return kind == Outcome::Kind::kReject ? "rejected" : "deferred";
}

class LogMiddleware final : public Middleware {
 public:
  LogMiddleware(LogSink sink, LogLevel level) : sink_(std::move(sink)), level_(level) {}

  Outcome OnHandle(const Envelope& envelope, const Delivery& delivery, NextHandler& next) override {
    const auto begun = std::chrono::steady_clock::now();
    Outcome outcome = next();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
    if (!sink_) return outcome;
    const std::string reason = outcome.reason().empty() ? "" : ": " + eventbus::Quoted(outcome.reason());
    sink_(level_, absl::StrFormat("topic %s: %s %s of %s, attempt %d: %s in %.3f ms%s",
                                  eventbus::Quoted(delivery.topic()), eventbus::Quoted(envelope.event_type),
                                  eventbus::Quoted(envelope.event_id), eventbus::Quoted(envelope.aggregate_id),
                                  delivery.attempt(), Name(outcome.kind()), took.count(), reason));
    return outcome;
  }

 private:
  const LogSink sink_;
  const LogLevel level_;
};

}  // namespace

std::shared_ptr<Middleware> Callbacks(CallbacksMiddleware::OnSuccess on_success,
                                      CallbacksMiddleware::OnFailure on_failure) {
  return std::make_shared<CallbacksMiddleware>(std::move(on_success), std::move(on_failure));
}

std::shared_ptr<Middleware> Permanent(PermanentMiddleware::IsPermanent is_permanent) {
  return std::make_shared<PermanentMiddleware>(std::move(is_permanent));
}

std::shared_ptr<Middleware> TraceContext() { return std::make_shared<TraceContextMiddleware>(); }

std::shared_ptr<Middleware> Log(LogSink sink, LogLevel level) {
  return std::make_shared<LogMiddleware>(std::move(sink), level);
}

}  // namespace middleware
}  // namespace penstock
