// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/entries/entry_waits.h"
#include "bus/subscribe/subscription_spec.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/result.h"

namespace penstock::eventbus {

/// Keeps the results of one durable of a topic in a bucket, and waits for them. A result is a line of JSON, then its
/// value's bytes.
///
/// **Thread safety:** thread-safe. **Blocking:** every call but `PutMessage`.
class ResultStore {
 public:
  /// Errors as `EventBus::Bucket`.
  static absl::StatusOr<std::shared_ptr<ResultStore>> Open(EventBus& bus, std::string_view topic,
                                                           std::string_view durable, const ResultOptions& options);

  explicit ResultStore(std::unique_ptr<EventEntries> entries) : waits_(std::move(entries)) {}

  /// A message that puts the result, for `Transport::Publish`. Errors as `EventEntries::PutMessage`.
  absl::StatusOr<OutboundMessage> PutMessage(std::string_view event_id, const Result& result);
  absl::Status Put(std::string_view event_id, const Result& result);
  /// The result that is there now; `kNotFound` when there is none.
  absl::StatusOr<Result> Get(std::string_view event_id, std::chrono::milliseconds timeout);
  /// Waits as `EntryWaits` does, whose other functions are here too.
  absl::StatusOr<Result> Await(std::string_view event_id, EntryWaits::TimePoint deadline) {
    const absl::StatusOr<BucketEntry> entry = waits_.Await(event_id, deadline);
    return entry.ok() ? Read(entry->value) : entry.status();
  }
  void EndIdleWatch(EntryWaits::TimePoint now) { waits_.EndIdleWatch(now); }
  void Close() { waits_.Close(); }

 private:
  static absl::StatusOr<Result> Read(std::string_view written);

  EntryWaits waits_;
};

/// Has the subscription of `spec` keep its results in the store, by way of the transport, which outlives it.
void KeepResults(const std::shared_ptr<ResultStore>& store, Transport& transport, SubscriptionSpec& spec);

/// Whether an event was handled, as far as the store knows; empty without a store.
std::function<bool(std::string_view event_id)> HandledAccordingTo(std::shared_ptr<ResultStore> store);

}  // namespace penstock::eventbus
