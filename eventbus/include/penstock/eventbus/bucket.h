// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

namespace eventbus {
class KeyValueStore;
class KeyValueWatch;
}  // namespace eventbus

enum class BucketStorage { kFile, kMemory };

/// Which server answers `Bucket::Get`.
enum class BucketReads {
  /// The leader of the bucket's stream: every acknowledged write is seen. A leader that is cut off from the others can
  /// still answer for some seconds, with old values; only `Bucket::Update` proves that a value is the last one.
  kLeader,
  /// Any replica: less load on the leader, and the entry may be older than one read before.
  kAnyReplica,
};

/// The settings of a bucket, as it is created. A bucket that exists is opened if it fits: see `EventBus::Bucket`.
struct BucketOptions {
  /// Entries kept of each key, the last one among them. Range 1 to 64.
  std::uint32_t history = 1;
  /// An entry is removed when it is this old, without a notice to watches. 0: never. Range 0, or 100 ms to 10 years.
  std::chrono::milliseconds time_to_live{0};
  /// Above 0: a write may give its key a time to live of its own; when such a key expires, the server stores a deletion
  /// for this long, so that watches learn of it. Needs a server from 2.11 on. Range 0, or 1 s to 10 years.
  std::chrono::seconds key_time_to_live_marker{0};
  /// Bounds all entries, with subjects and headers; a full bucket refuses writes. 0: no bound. Range 0, or 1 KiB to
  /// 1 PiB.
  std::int64_t max_bytes = 0;
  /// Bounds one value together with the headers of its write (130 bytes at most). 0: only the server's limit. Range 0,
  /// or 256 bytes to 64 MiB.
  std::int32_t max_value_bytes = 0;
  BucketStorage storage = BucketStorage::kFile;
  int replicas = 1;  ///< copies in a cluster: 1, 3 or 5
  BucketReads reads = BucketReads::kLeader;

  /// `kInvalidArgument` naming the field that breaks its rule.
  absl::Status Validate() const;
};

/// The meaning of an entry for its key.
enum class BucketOperation {
  kPut,
  kDelete,  ///< deleted; earlier entries of the key are kept as the history allows
  kPurge,   ///< deleted with its history, or ended by its time to live
};

struct BucketEntry {
  std::string key{};
  std::string value{};         ///< empty for a deletion
  std::uint64_t revision = 0;  ///< from 1, ascending over all keys of the bucket
  std::chrono::system_clock::time_point created{};
  BucketOperation operation = BucketOperation::kPut;
};

struct BucketCallOptions {
  /// Longest wait. Range 1 ms to 1 h.
  std::chrono::milliseconds timeout{5000};
  std::stop_token stop{};  ///< ends the wait with `kCancelled`
};

struct BucketWriteOptions {
  std::chrono::milliseconds timeout{5000};  ///< as in `BucketCallOptions`
  std::stop_token stop{};
  /// Time to live of this key, until its next write. 0: the bucket's. Range 0, or 1 s to 10 years.
  std::chrono::seconds time_to_live{0};
};

struct BucketDeleteOptions {
  std::chrono::milliseconds timeout{5000};  ///< as in `BucketCallOptions`
  std::stop_token stop{};
  /// Deletes only if this is the key's last revision.
  std::optional<std::uint64_t> expected_revision{};
};

/// Where the reports of a watch begin.
enum class BucketWatchBeginning {
  kLastOfEachKey,  ///< the last entry of each key that matches, then each change
  kChanges,        ///< what is written after the call of `Bucket::Watch` has begun, or a little before
};

/// Called on the watch's own thread, one call at a time. May block and may use the bucket; must not throw, and must not
/// destroy the watch.
struct BucketWatchEvents {
  /// Required. First the last entry of each key that matches, deletions among them, by ascending revision, unless
  /// `begins` leaves them out; then each change, in order.
  std::function<void(const BucketEntry& entry)> on_entry{};
  /// Called once, when everything that was in the bucket when the watch began has been reported. If the bucket is
  /// deleted and created anew, called again when the new bucket has been reported.
  std::function<void()> on_up_to_date{};
  /// A bucket that is created anew is reported from its beginning in either case.
  BucketWatchBeginning begins = BucketWatchBeginning::kLastOfEachKey;
};

/// Reports the changes of a bucket until it is stopped. It survives lost connections, restarts of servers and changes
/// of leaders: it begins again after the last revision that it reported, and reports the last value of every key. It
/// leaves out earlier values that the bucket's history no longer keeps by then, and entries that have expired.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its thread, `ps-watch`; may outlive its bucket and its bus.
/// **Blocking:** `Stop` and the destructor wait for a callback that runs. **Ordering:** ascending revisions.
/// **Shutdown:** `Stop`. Once its bus is closed no further callback begins.
class BucketWatch {
 public:
  explicit BucketWatch(std::unique_ptr<eventbus::KeyValueWatch> watch);
  ~BucketWatch();
  BucketWatch(const BucketWatch&) = delete;
  BucketWatch& operator=(const BucketWatch&) = delete;

  /// No callback begins after it has returned. From a callback it does not wait for that callback. Idempotent.
  void Stop();

 private:
  std::unique_ptr<eventbus::KeyValueWatch> watch_;
};

/// A bucket of keys and values, stored as every NATS client stores them: `nats kv`, nats.go and others read and write
/// the same bucket. Obtained from `EventBus::Bucket`.
///
/// Keys are 1 to 1024 bytes of `[-/_=.a-zA-Z0-9]`, without a dot at either end and without two in a row. Values are any
/// bytes.
///
/// Errors of every call: `kInvalidArgument` for an invalid key or option; `kUnavailable` when the server cannot be
/// reached or cannot answer; `kDeadlineExceeded` after `timeout`; `kPermissionDenied` when the user may not;
/// `kCancelled` when stopped; `kFailedPrecondition` when the bus is closed. When the bucket was deleted, reads fail
/// with `kNotFound` and writes with `kUnavailable`. Writes fail with `kResourceExhausted` for a value over a limit or a
/// full bucket.
///
/// Writes that depend on a revision (`Create`, `Update`, `Delete` and `Purge` with `expected_revision`) are sent once.
/// A write that failed with `kDeadlineExceeded`, `kUnavailable` or `kCancelled` may have been stored, or may be stored
/// later: call `Get`. An error with "nothing was sent" in its text proves that the write was not stored. Writes that
/// depend on no revision are sent again until `timeout`, with one message ID, and the server stores the ID once. If the
/// server loses its record of the ID, which is rare, it stores the value twice.
///
/// In a cluster, servers before 2.9.21 do not serialise writes that expect a revision: two that expect one revision may
/// both succeed.
///
/// **Thread safety:** thread-safe. **Ownership:** may outlive its bus; calls then fail with `kFailedPrecondition`.
/// **Blocking:** every call, up to its `timeout`. May be called from handlers, not from a `PublishCallback`.
/// **Ordering:** a call that begins after a write was acknowledged sees it.
class Bucket {
 public:
  explicit Bucket(std::unique_ptr<eventbus::KeyValueStore> store);
  ~Bucket();
  Bucket(const Bucket&) = delete;
  Bucket& operator=(const Bucket&) = delete;

  /// The last value of the key. `kNotFound` when there is none, or it was deleted or has expired.
  absl::StatusOr<BucketEntry> Get(std::string_view key, const BucketCallOptions& options = {});

  /// Writes, whatever was there before, and returns the revision.
  absl::StatusOr<std::uint64_t> Put(std::string_view key, std::string_view value,
                                    const BucketWriteOptions& options = {});

  /// Writes a key that has no value: one that never had a value, was deleted or has expired. `kAlreadyExists` when the
  /// key has a value.
  absl::StatusOr<std::uint64_t> Create(std::string_view key, std::string_view value,
                                       const BucketWriteOptions& options = {});

  /// Writes if `expected_revision` is the key's last revision; 0 expects no entry at all, not even a deletion.
  /// `kAborted` when the key has another revision.
  absl::StatusOr<std::uint64_t> Update(std::string_view key, std::string_view value, std::uint64_t expected_revision,
                                       const BucketWriteOptions& options = {});

  /// Marks the key as deleted; OK also when the key has no value. `kAborted` when `expected_revision` is not its last
  /// revision.
  absl::Status Delete(std::string_view key, const BucketDeleteOptions& options = {});

  /// As `Delete`, and removes the key's history.
  absl::Status Purge(std::string_view key, const BucketDeleteOptions& options = {});

  /// Watches the keys that `pattern` matches: a key in which `*` stands for one token and, at the end, `>` for one or
  /// more; `>` alone: all. `kInvalidArgument` for an invalid pattern or without `on_entry`.
  absl::StatusOr<std::unique_ptr<BucketWatch>> Watch(std::string_view pattern, BucketWatchEvents events,
                                                     const BucketCallOptions& options = {});

  const std::string& name() const;
  /// The settings on the server when the bucket was opened; `reads` as given to `EventBus::Bucket`.
  const BucketOptions& settings() const;

 private:
  std::unique_ptr<eventbus::KeyValueStore> store_;
};

}  // namespace penstock
