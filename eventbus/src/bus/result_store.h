// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/entries/event_entries.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/result.h"

namespace penstock::eventbus {

/// Keeps the results of one durable of a topic in a bucket, and waits for them. A result is a line of JSON, then its
/// value's bytes.
///
/// **Thread safety:** thread-safe. **Blocking:** every call.
class ResultStore {
 public:
  /// Errors as `EventBus::Bucket`.
  static absl::StatusOr<std::shared_ptr<ResultStore>> Open(EventBus& bus, std::string_view topic,
                                                           std::string_view durable, const ResultOptions& options);

  explicit ResultStore(std::unique_ptr<EventEntries> entries) : entries_(std::move(entries)) {}

  absl::Status Put(std::string_view event_id, const Result& result);
  /// The result that is there now; `kNotFound` when there is none.
  absl::StatusOr<Result> Get(std::string_view event_id, std::chrono::milliseconds timeout);
  absl::StatusOr<Result> Await(std::string_view event_id, std::chrono::milliseconds timeout);

 private:
  const std::unique_ptr<EventEntries> entries_;
};

/// Whether an event was handled, as far as the store knows; empty without a store.
std::function<bool(std::string_view event_id)> HandledAccordingTo(std::shared_ptr<ResultStore> store);

/// The handler, whose successes are put into the store, except that `Outcome::AlreadyHandled` leaves a result of a
/// success as it is; `log` is told of those that cannot be.
EnvelopeHandler WithResults(EnvelopeHandler handler, std::shared_ptr<ResultStore> store, LogSink log);

}  // namespace penstock::eventbus
