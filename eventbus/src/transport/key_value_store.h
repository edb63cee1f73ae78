// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/eventbus/bucket.h"

namespace penstock::eventbus {

struct BucketSpec {
  std::string name{};  ///< 1 to 64 bytes of `[A-Za-z0-9_-]`
  BucketOptions options{};
};

/// How long a call may take.
struct CallLimit {
  std::chrono::steady_clock::time_point deadline{};
  std::stop_token stop{};

  static CallLimit In(std::chrono::milliseconds time, std::stop_token stop = {}) {
    return {DeadlineAfter(time), std::move(stop)};
  }
};

/// As `penstock::BucketWatch`.
class KeyValueWatch {
 public:
  virtual ~KeyValueWatch() = default;
  virtual void Stop() = 0;
  const OriginProcess& origin() const { return origin_; }

 private:
  const OriginProcess origin_{};
};

/// As `penstock::Bucket`, with the caller's deadlines. Writes that expect a revision go to the server once at most, and
/// are over at the deadline: a lease that one of them renewed is counted from before the call.
///
/// **Thread safety:** thread-safe. **Ownership:** may outlive its transport, and fails then with `kFailedPrecondition`.
/// **Blocking:** every call, until its limit.
class KeyValueStore {
 public:
  using Seconds = std::chrono::seconds;

  virtual ~KeyValueStore() = default;

  virtual absl::StatusOr<BucketEntry> Get(std::string_view key, const CallLimit& limit) = 0;
  /// `time_to_live` of the key: 0 for none of its own. Sent again until the deadline.
  virtual absl::StatusOr<std::uint64_t> Put(std::string_view key, std::string_view value, const CallLimit& limit,
                                            Seconds time_to_live) = 0;
  /// More than one write only when another writer deletes the key meanwhile, each of them sent once.
  virtual absl::StatusOr<std::uint64_t> Create(std::string_view key, std::string_view value, const CallLimit& limit,
                                               Seconds time_to_live) = 0;
  /// Sent once.
  virtual absl::StatusOr<std::uint64_t> Update(std::string_view key, std::string_view value,
                                               std::uint64_t expected_revision, const CallLimit& limit,
                                               Seconds time_to_live) = 0;
  /// `operation` is `kDelete` or `kPurge`. With an expected revision sent once, else again until the deadline. Returns
  /// the revision of the deletion.
  virtual absl::StatusOr<std::uint64_t> Delete(std::string_view key, BucketOperation operation,
                                               std::optional<std::uint64_t> expected_revision,
                                               const CallLimit& limit) = 0;
  virtual absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(std::string_view pattern, BucketWatchEvents events,
                                                               const CallLimit& limit) = 0;
  virtual const BucketSpec& spec() const = 0;  ///< as the server had it when it was opened
  const OriginProcess& origin() const { return origin_; }

  absl::StatusOr<std::uint64_t> Put(std::string_view key, std::string_view value, const CallLimit& limit) {
    return Put(key, value, limit, Seconds(0));
  }
  absl::StatusOr<std::uint64_t> Create(std::string_view key, std::string_view value, const CallLimit& limit) {
    return Create(key, value, limit, Seconds(0));
  }
  absl::StatusOr<std::uint64_t> Update(std::string_view key, std::string_view value, std::uint64_t expected_revision,
                                       const CallLimit& limit) {
    return Update(key, value, expected_revision, limit, Seconds(0));
  }
  absl::StatusOr<std::uint64_t> Delete(std::string_view key, const CallLimit& limit) {
    return Delete(key, BucketOperation::kDelete, std::nullopt, limit);
  }

 private:
  const OriginProcess origin_{};
};

}  // namespace penstock::eventbus
