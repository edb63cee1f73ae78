// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/api/consumer_settings.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/protocol/json.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// How often an exclusive consumer speaks when it has nothing to send.
inline constexpr std::chrono::milliseconds kPushHeartbeat(1000);

/// Tells a consumer from one of the same name that was created later; compare with `SameConsumer`.
struct ConsumerIdentity {
  std::string created{};  ///< when, in the server's words
  std::string tag{};      ///< see `TagOf`
};

/// A consumer as the server has it.
struct ConsumerFacts {
  Json config{};
  std::string deliver_subject{};              ///< empty for a pull consumer
  bool bound = false;                         ///< somebody listens on the deliver subject
  bool released = false;                      ///< its last owner has given it up in order
  std::string created{};                      ///< when, in the server's words; compare with `SameTime`
  std::string tag{};                          ///< see `TagOf`
  std::uint64_t acknowledged = 0;             ///< every sequence of the stream up to this one is settled
  std::uint64_t acknowledged_deliveries = 0;  ///< every delivery up to this one is settled; 0: not even the first
  std::uint64_t delivered = 0;                ///< the last sequence of the stream that was sent
  std::uint64_t deliveries = 0;               ///< how often anything was sent
  std::uint64_t pending = 0;                  ///< sent and not settled
  std::uint64_t undelivered = 0;              ///< in the stream and not sent yet

  ConsumerIdentity identity() const { return {created, tag}; }
};

/// Where a new consumer begins.
struct StartPoint {
  enum class Kind { kFirst, kNew, kSequence };
  Kind kind = Kind::kFirst;
  std::uint64_t sequence = 0;
};

/// The configuration of the consumer of `spec`, as the server's API takes it. `deliver_subject` is empty for those that
/// are pulled from.
Json ConsumerConfig(const ConsumerSpec& spec, const std::string& name, const std::string& deliver_subject,
                    const StartPoint& start);

/// Reads the reply to CONSUMER.INFO and CONSUMER.CREATE. `kInternal` when it is not one.
absl::StatusOr<ConsumerFacts> ReadConsumerFacts(const Json& reply);

/// Whether two creation times may belong to the same stream or consumer: they differ by one second at most. Equal times
/// prove nothing, and neither do different ones. What servers do (2.9.10, 2.10.27, 2.15.1): up to 2.10.27 they note the
/// time twice when they create a consumer, some microseconds apart, and tell the one until and the other after their
/// next restart. The reply to the first update after a restart tells the time of that update; up to 2.10.27, so does
/// INFO after one more restart.
bool SameTime(const std::string& created, const std::string& other);

/// Whether both may be the same consumer: those of one tag, unless they were created ten minutes apart (an operator may
/// create one anew from a configuration that was saved), and where one has no tag, those of the `SameTime`. 2.10.27
/// tells for each replica when that created it: one that was cut off then told a time 13 s later (seen by chaos).
bool SameConsumer(const ConsumerIdentity& one, const ConsumerIdentity& other);

/// Whether `facts` (from INFO, not from the reply to an update) describe another consumer than the one created at
/// `created`, of which nobody has acknowledged anything: deleting it loses no position.
bool IsUnusedReplacement(const ConsumerFacts& facts, const std::string& created);

/// The consumer, or nothing when the server does not have it. Without its stream `kNotFound` (`IsStreamMissing`), which
/// a server that comes back also says for a moment of one that it has.
absl::StatusOr<std::optional<ConsumerFacts>> LookUpConsumer(ApiClient& api, const std::string& stream,
                                                            const std::string& name, const std::stop_token& stop,
                                                            std::chrono::milliseconds budget = kApiBudget);

/// Makes an ephemeral consumer, whose configuration has a name. The stream's `consumer_limits` may forget it earlier
/// than the configuration says.
absl::StatusOr<ApiReply> MakeEphemeral(ApiClient& api, const std::string& stream, Json config,
                                       std::chrono::milliseconds budget, const std::stop_token& stop = {});

/// Makes or changes a consumer. `kAlreadyExists` when somebody listens on it elsewhere.
absl::StatusOr<ConsumerFacts> PutConsumer(ApiClient& api, const std::string& stream, const Json& config,
                                          const std::stop_token& stop, std::chrono::milliseconds budget = kApiBudget);

/// OK also when there is none.
absl::Status DeleteConsumer(ApiClient& api, const std::string& stream, const std::string& name,
                            const std::stop_token& stop);

}  // namespace penstock::eventbus::jetstream
