// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/connection/connection.h"
#include "transport/stream_contents.h"

// All messages of a stream that match, through an ephemeral consumer: a request for every thousand.
namespace penstock::eventbus::jetstream {

struct ReadingRange {
  std::string stream{};
  std::string filter{};
  std::uint64_t from_sequence = 1;
};

/// As `Transport::ReadHeaders`.
absl::StatusOr<StreamContents> ReadHeaders(Connection& connection, ApiClient& api, const ReadingRange& range,
                                           const HeaderReader& reader);

/// As `Transport::LookAtContents`.
absl::StatusOr<StreamContents> LookAtContents(ApiClient& api, const std::string& stream);

}  // namespace penstock::eventbus::jetstream
