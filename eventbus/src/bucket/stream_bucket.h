// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bucket/bucket_stream.h"
#include "transport/key_value_store.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// `kInvalidArgument` for an invalid name or option, before a transport is asked for the bucket.
absl::Status CheckBucketSpec(const BucketSpec& spec);

/// The rules of a bucket over its stream. Everything else as `KeyValueStore`.
class StreamBucket final : public KeyValueStore {
 public:
  explicit StreamBucket(std::unique_ptr<BucketStream> stream) : stream_(std::move(stream)) {}

  using KeyValueStore::Create;
  using KeyValueStore::Delete;
  using KeyValueStore::Put;
  using KeyValueStore::Update;
  absl::StatusOr<BucketEntry> Get(std::string_view key, const CallLimit& limit) override;
  absl::StatusOr<std::uint64_t> Put(std::string_view key, std::string_view value, const CallLimit& limit,
                                    Seconds time_to_live) override;
  absl::StatusOr<std::uint64_t> Create(std::string_view key, std::string_view value, const CallLimit& limit,
                                       Seconds time_to_live) override;
  absl::StatusOr<std::uint64_t> Update(std::string_view key, std::string_view value, std::uint64_t expected_revision,
                                       const CallLimit& limit, Seconds time_to_live) override;
  absl::StatusOr<std::uint64_t> Delete(std::string_view key, BucketOperation operation,
                                       std::optional<std::uint64_t> expected_revision, const CallLimit& limit) override;
  absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(std::string_view pattern, BucketWatchEvents events,
                                                       const CallLimit& limit) override;
  const BucketSpec& spec() const override { return stream_->spec(); }

 private:
  std::string About(const char* what, std::string_view key) const;
  absl::Status CheckWrite(std::string_view key, Seconds time_to_live) const;
  absl::StatusOr<BucketEntry> ReadLast(std::string_view key, BucketReads how, const CallLimit& limit);
  absl::StatusOr<std::uint64_t> ReadDeletion(std::string_view key, const CallLimit& limit);
  OutboundMessage Write(std::string_view key, std::string_view value, Seconds time_to_live) const;
  absl::StatusOr<std::uint64_t> StoreAt(OutboundMessage message, std::uint64_t expected_revision,
                                        const CallLimit& limit);

  const std::unique_ptr<BucketStream> stream_;
};

}  // namespace penstock::eventbus
