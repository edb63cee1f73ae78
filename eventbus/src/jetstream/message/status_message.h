// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::eventbus::jetstream {

/// A message that the server itself sent in place of one from a stream: a heartbeat, or why a request for messages
/// ended.
struct StatusMessage {
  int code = 0;
  std::string description{};
  std::optional<std::uint64_t> pending_messages{};        ///< of the request's batch, those that did not come
  std::optional<std::uint64_t> last_consumer_sequence{};  ///< with a push consumer's heartbeat
  /// The server sends no more until something is published there: it asks for that, or, with a heartbeat, says that it
  /// still waits for it.
  std::string flow_control_subject{};
};

/// The meaning of a status for the consumer that requested messages.
enum class StatusMeaning {
  kHeartbeat,     ///< the server is there and has nothing to send
  kRequestEnded,  ///< ask again
  kBackOff,       ///< ask again after a while
  kConsumerGone,  ///< the consumer has to be looked up, perhaps created again
  kUnfit,         ///< asking again cannot help: wrong kind of consumer, or a broken request
};

StatusMeaning MeaningOf(const StatusMessage& status);

}  // namespace penstock::eventbus::jetstream
