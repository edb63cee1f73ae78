// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "bus/entries/event_entries.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// Which message of a name is not finished yet: an entry of the bucket of results for each name, which a result of its
/// message ends. ADR 0033 has the protocol.
///
/// **Thread safety:** thread-safe. **Blocking:** every call.
class UniqueClaims {
 public:
  /// The message that has a name, or is about to.
  struct Claim {
    std::string event_id{};
    std::optional<PubAck> stored{};  ///< nothing: it may not be in the stream yet
    std::uint64_t revision = 0;
  };

  /// Of the messages that the durable handles, whose results are kept so. Errors as `EventBus::Bucket`.
  static absl::StatusOr<UniqueClaims> Open(EventBus& bus, std::string_view topic, std::string_view durable,
                                           const ResultOptions& results);

  /// The unfinished message of that name; else one of `event_id` from now on, which the caller is to publish.
  /// `kDeadlineExceeded` when others are faster every time, until `deadline`; errors as `Bucket::Create`.
  absl::StatusOr<Claim> Take(std::string_view name, std::string_view event_id,
                             std::chrono::steady_clock::time_point deadline);
  /// Notes that the message is in the stream. It need not succeed: see the ADR.
  void NoteStored(std::string_view name, const Claim& claim, const PubAck& ack);

  static std::string Written(const Claim& claim);
  /// Nothing when it is no claim.
  static std::optional<Claim> Read(std::string_view written);

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  UniqueClaims(std::unique_ptr<EventEntries> claims, std::unique_ptr<EventEntries> results)
      : claims_(std::move(claims)), results_(std::move(results)) {}

  absl::StatusOr<bool> IsFinished(const Claim& claim, TimePoint deadline);
  absl::StatusOr<Claim> TakeOnce(std::string_view name, std::string_view event_id, TimePoint deadline);

  std::unique_ptr<EventEntries> claims_;  // by name
  std::unique_ptr<EventEntries> results_;
};

}  // namespace penstock::eventbus
