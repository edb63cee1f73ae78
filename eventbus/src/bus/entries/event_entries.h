// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "naming/subject_token.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// The entries of one durable of a topic in a bucket, at most one for each event: under
/// `{topic}.{durable}.{event ID}`, each written as one token. Those of another use have its name before that, and
/// instead of an event's ID what they are for.
///
/// **Thread safety:** thread-safe. **Blocking:** every call. **Ownership:** may outlive its bus, as `Bucket`.
class EventEntries {
 public:
  static constexpr std::size_t kMostIdBytes = 128;

  /// Where they are kept. `field` begins the text of errors.
  struct Where {
    std::string_view field{};
    std::string_view topic{};
    std::string_view durable{};
    std::string_view bucket{};
    std::chrono::milliseconds time_to_live{};  ///< range 100 ms to 10 years
    std::string_view use{};                    ///< a token before the others, for what is no event's; empty: none
  };

  /// Errors as `EventBus::Bucket`.
  static absl::StatusOr<std::unique_ptr<EventEntries>> Open(EventBus& bus, const Where& where);
  /// `kInvalidArgument` for an ID that is not 1 to 128 bytes of visible ASCII.
  static absl::Status CheckId(std::string_view event_id);

  EventEntries(std::unique_ptr<Bucket> bucket, std::string prefix)
      : bucket_(std::move(bucket)), prefix_(std::move(prefix)) {}

  absl::StatusOr<std::uint64_t> Put(std::string_view event_id, std::string_view value);
  /// `kAlreadyExists` when the event has an entry.
  absl::StatusOr<std::uint64_t> Create(std::string_view event_id, std::string_view value,
                                       std::chrono::milliseconds timeout);
  absl::StatusOr<std::uint64_t> Update(std::string_view event_id, std::string_view value, std::uint64_t revision,
                                       std::chrono::milliseconds timeout);
  absl::StatusOr<BucketEntry> Get(std::string_view event_id, std::chrono::milliseconds timeout);
  /// Waits for a value of the event's entry that `accepts` accepts. `kDeadlineExceeded` without a text when there is
  /// none by `deadline`.
  absl::StatusOr<BucketEntry> Await(std::string_view event_id, std::chrono::steady_clock::time_point deadline,
                                    const std::function<bool(const BucketEntry& entry)>& accepts);
  /// A message that puts the entry, for `Transport::Publish`. `kInvalidArgument` for an ID that makes no key.
  absl::StatusOr<OutboundMessage> PutMessage(std::string_view event_id, std::string value) const;
  /// Watches the entries of all events.
  absl::StatusOr<std::unique_ptr<BucketWatch>> Watch(BucketWatchEvents events);
  /// The event of an entry of these.
  std::string EventOf(std::string_view key) const;
  /// For log lines.
  const std::string& bucket() const { return bucket_->name(); }

 private:
  std::string KeyOf(std::string_view event_id) const { return prefix_ + SubjectToken(event_id); }

  const std::unique_ptr<Bucket> bucket_;
  const std::string prefix_;
};

/// The time until `deadline`, as a bucket's timeout: at least 1 ms, at most 1 h.
std::chrono::milliseconds TimeoutUntil(std::chrono::steady_clock::time_point deadline);

}  // namespace penstock::eventbus
