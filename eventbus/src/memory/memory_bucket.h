// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bucket/bucket_stream.h"
#include "memory/broker.h"

namespace penstock::eventbus::memory {

/// A bucket's stream in a broker. Nothing waits, so limits are only looked at when a call begins. A write that expects
/// another revision than the last is refused by the stream itself, with `kAborted` (`MemoryStream`,
/// `CheckExpectations`). Everything else as `BucketStream`.
class MemoryBucket final : public BucketStream {
 public:
  /// Makes the stream when it is missing. `user` is that of the transport, and `closing` is told when it is closed.
  static absl::StatusOr<std::unique_ptr<BucketStream>> Open(std::shared_ptr<Broker> broker, const void* user,
                                                            const BucketSpec& spec, std::stop_token closing,
                                                            const CallLimit& limit);

  const BucketSpec& spec() const override { return spec_; }
  absl::StatusOr<std::uint64_t> Store(OutboundMessage message, Resend resend, const CallLimit& limit) override;
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLast(const std::string& subject, BucketReads how,
                                                          const CallLimit& limit) override;
  absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(const std::string& filter, StreamWatchEvents events,
                                                       const CallLimit& limit) override;

 private:
  MemoryBucket(std::shared_ptr<Broker> broker, const void* user, BucketSpec spec, std::stop_token closing);
  absl::Status CheckCall(const CallLimit& limit) const;

  const std::shared_ptr<Broker> broker_;
  const void* const user_;
  const BucketSpec spec_;
  const std::string stream_;
  const std::stop_token closing_;
};

}  // namespace penstock::eventbus::memory
