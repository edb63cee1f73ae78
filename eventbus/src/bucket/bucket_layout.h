// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "message/stored_message.h"
#include "penstock/eventbus/bucket.h"
#include "transport/key_value_store.h"
#include "transport/transport.h"

// How NATS clients lay out a bucket in a stream (ADR-8 of nats-architecture-and-design).
namespace penstock::eventbus {

/// Names of the headers of a write.
namespace bucket_header {
inline constexpr std::string_view kOperation = "KV-Operation";  // "DEL", "PURGE"
inline constexpr std::string_view kExpectedRevision = "Nats-Expected-Last-Subject-Sequence";
inline constexpr std::string_view kRollup = "Nats-Rollup";               // "sub"
inline constexpr std::string_view kTimeToLive = "Nats-TTL";              // "30s"
inline constexpr std::string_view kMarkerReason = "Nats-Marker-Reason";  // of the server: "MaxAge", "Remove", "Purge"
}  // namespace bucket_header

/// `KV_<bucket>`.
std::string BucketStreamName(std::string_view bucket);

/// `$KV.<bucket>.<key>`; also of a pattern.
std::string BucketSubject(std::string_view bucket, std::string_view key);

/// Whether such a subject is that of a bucket.
bool IsBucketSubject(std::string_view subject);

/// The stream of a bucket.
StreamSpec BucketStreamSpec(const BucketSpec& spec);

/// `message` of the bucket's stream as an entry.
BucketEntry ReadBucketEntry(std::string_view bucket, const StoredMessage& message);

/// A bucket's name: 1 to 64 bytes of `[A-Za-z0-9_-]`. Errors of these are `kInvalidArgument`.
absl::Status CheckBucketName(std::string_view name);

/// See `penstock::Bucket`.
absl::Status CheckBucketKey(std::string_view key);

/// See `penstock::Bucket::Watch`.
absl::Status CheckBucketPattern(std::string_view pattern);

/// `kFailedPrecondition` naming the first setting in which a bucket that exists does not fit what is asked for: its
/// history, time to live and storage are to be the same, there must not be fewer replicas, and keys must be able to
/// have a time to live of their own if they are to. The other limits are left as they are.
absl::Status CheckBucketFits(const BucketSpec& wanted, const BucketOptions& existing);

}  // namespace penstock::eventbus
