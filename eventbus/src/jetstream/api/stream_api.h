// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/protocol/json.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// How long one call of the API may take in all.
inline constexpr std::chrono::milliseconds kApiBudget(5000);
/// How long a server that is slow may take to make a stream, or to let a consumer begin. `EventBus::SubscribeEnvelope`
/// promises it.
inline constexpr std::chrono::milliseconds kOpenBudget(10'000);

/// The request that makes the stream. A duplicate window longer than the messages' age means that age, since the server
/// takes no longer one.
Json StreamConfig(const StreamSpec& spec);

/// Reads the reply to STREAM.INFO and STREAM.CREATE. `kInternal` when it is not one.
absl::StatusOr<StreamFacts> ReadStreamFacts(const Json& reply);

/// Whether a stream was not made because one of its name or with its subjects is there: perhaps the very stream, which
/// another process made meanwhile. A server tells of subjects (measured on 2.9.10) while it makes that for the other.
inline bool MayBePresent(const absl::StatusOr<ApiReply>& made) {
  return made.ok() && (made->Refused(api_code::kStreamNameInUse) || made->Refused(api_code::kSubjectsOverlap));
}

/// The reply to the making of a stream, or, where that may be present, to a look at it.
template <typename Look>
absl::StatusOr<ApiReply> MadeOrPresent(const absl::StatusOr<ApiReply>& made, Look look) {
  if (!MayBePresent(made)) return made;
  absl::StatusOr<ApiReply> present = look();
  return present.ok() && present->Refused(api_code::kStreamNotFound) ? made : present;
}

/// As `Transport::EnsureStream`.
absl::StatusOr<StreamFacts> EnsureStream(ApiClient& api, const StreamSpec& spec, const std::stop_token& stop = {});

/// As `Transport::FindStream`.
absl::StatusOr<StreamFacts> FindStream(ApiClient& api, const std::string& stream);

/// As `Transport::ListStreams`. A server tells 1,024 names at a time.
absl::StatusOr<std::vector<std::string>> ListStreams(ApiClient& api, const std::string& pattern);

/// The identity of a stream among those of its name. A server that restarted reports a creation time some milliseconds
/// off, so a stream created again at once is known by its sequences only.
struct StreamIdentity {
  std::string created{};  ///< in the server's words; compare with `SameTime`
  std::uint64_t last_sequence = 0;
  std::uint64_t first_sequence = 0;
  std::string leader{};  ///< the server that said so; empty on one that is none of several
  std::vector<std::string> subjects{};
  std::uint64_t inactive_threshold = 0;  ///< ns after which it forgets a consumer that nobody uses; 0: as each says
  bool work_queue = false;  ///< it keeps what is not acknowledged, and its consumers begin with all of that
  StreamFacts facts{};
};

/// `kNotFound` when there is no such stream.
absl::StatusOr<StreamIdentity> IdentifyStream(ApiClient& api, const std::string& stream, const std::stop_token& stop,
                                              std::chrono::milliseconds budget = kApiBudget);

}  // namespace penstock::eventbus::jetstream
