// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bucket/bucket_stream.h"
#include "jetstream/api/api_client.h"
#include "jetstream/connection/connection.h"
#include "jetstream/message/encoded_publish.h"

namespace penstock::eventbus::jetstream {

/// A bucket's stream on a server: writes are publishes that wait for their PubAck, reads are requests to the API.
/// Everything else as `BucketStream`.
class JetStreamBucket final : public BucketStream {
 public:
  /// Makes the stream when it is missing. `closing` is told when the transport is closed.
  static absl::StatusOr<std::unique_ptr<BucketStream>> Open(std::shared_ptr<Connection> connection,
                                                            const BucketSpec& spec, LogSink log,
                                                            std::stop_token closing, const CallLimit& limit);

  const BucketSpec& spec() const override { return spec_; }
  absl::StatusOr<std::uint64_t> Store(OutboundMessage message, Resend resend, const CallLimit& limit) override;
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLast(const std::string& subject, BucketReads how,
                                                          const CallLimit& limit) override;
  absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(const std::string& filter, StreamWatchEvents events,
                                                       const CallLimit& limit) override;

 private:
  JetStreamBucket(std::shared_ptr<Connection> connection, BucketSpec spec, LogSink log, std::stop_token closing);

  struct Attempt {
    absl::StatusOr<std::uint64_t> result;
    bool may_heal = false;  ///< the same write, sent again, can succeed
  };
  Attempt StoreOnce(const EncodedPublish& message, const CallLimit& limit);
  Attempt ReadAck(std::string_view reply) const;
  absl::StatusOr<std::shared_ptr<Link>> AwaitLink(const CallLimit& limit) const;
  absl::Status CheckCall(const CallLimit& limit) const;
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadFromLeader(const std::string& subject, const CallLimit& limit);
  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadFromReplica(const std::string& subject, const CallLimit& limit);

  const std::shared_ptr<Connection> connection_;
  ApiClient api_;
  const BucketSpec spec_;
  const std::string stream_;
  const LogSink log_;
  const std::stop_token closing_;
};

}  // namespace penstock::eventbus::jetstream
