// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "jetstream/connection/link.h"

namespace penstock::eventbus::jetstream {

/// Answers to deliveries of a consumer that are known by their sequence in the stream only. A server finds what is
/// pending by that; each answer to a message that is not pending is without effect. Those of one link are taken in
/// order.
///
/// **Thread safety:** thread-compatible. **Blocking:** where a deadline is given, until then at most.
class AcksBySequence {
 public:
  /// `deliveries`: how often the consumer has sent anything.
  AcksBySequence(const std::string& stream, const std::string& consumer, std::uint64_t deliveries);

  /// Acknowledges again. Not for a consumer that acknowledges cumulatively.
  absl::Status Ack(Link& link, std::span<const std::uint64_t> sequences) const;
  /// Puts what is pending of these in line for redelivery, in this order.
  absl::Status Nak(Link& link, std::span<const std::uint64_t> sequences) const;
  /// Waits until the server has taken in every answer that was given to the link before.
  absl::Status Await(Link& link, std::chrono::milliseconds patience, const std::stop_token& stop) const;

 private:
  absl::Status Answer(Link& link, std::span<const std::uint64_t> sequences, const char* body,
                      std::uint64_t consumer_sequence) const;
  std::string Subject(std::uint64_t sequence, std::uint64_t consumer_sequence) const;

  const std::string prefix_;
  const std::uint64_t deliveries_;
};

}  // namespace penstock::eventbus::jetstream
