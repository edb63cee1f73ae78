// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/protocol/json.h"
#include "transport/key_value_store.h"

// A bucket's stream, as the server's API takes and tells it.
namespace penstock::eventbus::jetstream {

/// The request that makes the stream.
Json BucketConfig(const BucketSpec& spec);

/// The settings of a bucket in the configuration of its stream; `reads` is the default.
BucketOptions ReadBucketConfig(const Json& config);

/// Makes the bucket when it is missing, and returns its settings when it fits. Errors as `Transport::OpenBucket`.
absl::StatusOr<BucketSpec> EnsureBucket(ApiClient& api, const BucketSpec& spec, const CallLimit& limit);

}  // namespace penstock::eventbus::jetstream
