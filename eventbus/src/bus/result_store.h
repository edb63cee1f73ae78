// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/result.h"

namespace penstock::eventbus {

/// Keeps the results of one durable of a topic in a bucket, and waits for them. A result is a line of JSON, then its
/// value's bytes, under `{topic}.{durable}.{event ID}`, each written so that it is one token.
///
/// **Thread safety:** thread-safe. **Blocking:** every call.
class ResultStore {
 public:
  /// Errors as `EventBus::Bucket`.
  static absl::StatusOr<std::shared_ptr<ResultStore>> Open(EventBus& bus, std::string_view topic,
                                                           std::string_view durable, const ResultOptions& options);

  ResultStore(std::unique_ptr<Bucket> bucket, std::string prefix)
      : bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  absl::Status Put(std::string_view event_id, const Result& result);
  absl::StatusOr<Result> Await(std::string_view event_id, std::chrono::milliseconds timeout);

 private:
  absl::StatusOr<Result> Watched(const std::string& key, std::chrono::steady_clock::time_point deadline);

  const std::unique_ptr<Bucket> bucket_;
  const std::string prefix_;
};

/// The handler, whose successes are put into the store; `log` is told of those that cannot be.
EnvelopeHandler WithResults(EnvelopeHandler handler, std::shared_ptr<ResultStore> store, LogSink log);

}  // namespace penstock::eventbus
