// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "memory/memory_consumer.h"
#include "memory/memory_stream.h"
#include "transport/transport.h"

// The state that a broker keeps of its streams, their consumers and those that receive from them. The broker's lock
// guards all of it, unless stated otherwise.
namespace penstock::eventbus::memory {

struct BrokerConsumer;

/// One that receives from a consumer: the broker's side of a transport's consumer.
/// `events` belongs to the thread whose callback runs, else to the lock.
struct BrokerSubscriber {
  const void* user = nullptr;
  ConsumerSpec spec{};  ///< its kind never changes, so that it is read without the lock
  ConsumerEvents events{};
  BrokerConsumer* consumer = nullptr;  ///< null when an ephemeral consumer ended with its subscriber
  std::size_t credit = 0;              ///< not used by exclusive subscribers: `max_in_flight` is their credit
  bool stopped = false;
  bool quiet = false;              ///< takes nothing more, and may still own its consumer
  std::uint64_t fence = 0;         ///< of its last ownership
  std::atomic<bool> owns = false;  // relaxed: written under the broker's lock, read as a hint that may be old

  bool ready() const { return !quiet && (spec.kind == ConsumerKind::kExclusive || credit > 0); }
};

struct BrokerStream {
  explicit BrokerStream(const StreamSpec& spec) : log(spec) {}

  MemoryStream log;
  std::vector<std::unique_ptr<BrokerConsumer>> consumers{};
  TimePoint unused_since = TimePoint::max();  ///< `max()`: it is used, or was when it was last looked at
};

struct BrokerConsumer {
  BrokerConsumer(BrokerStream& of, const ConsumerSpec& spec);

  /// The subscriber whose turn it is, if any can take something. Of an exclusive consumer it is always the first, its
  /// owner.
  std::shared_ptr<BrokerSubscriber> NextSubscriber();

  /// How much `subscriber` may have now: in each round over the subscribers that can take something, all get the same.
  std::size_t ShareOf(const BrokerSubscriber& subscriber);

  BrokerStream& stream;
  const std::string name;  ///< empty: ephemeral
  const ConsumerKind kind;
  const bool ack_all;  ///< only to refuse what a server refuses: here each message is settled by itself
  MemoryConsumer position;
  std::vector<std::shared_ptr<BrokerSubscriber>> subscribers{};
  bool in_ready = false;
  std::size_t turns_left = 0;  ///< of the round that is being dealt
  std::size_t share = 1;       ///< of each subscriber in this round
};

/// `kInvalidArgument` for a spec or events that nothing can be received with.
absl::Status CheckConsumer(const ConsumerSpec& spec, const ConsumerEvents& events);

/// The stream's consumer that `spec` names, made when there is none. `kFailedPrecondition` when it differs from the
/// spec in what cannot be changed.
absl::StatusOr<BrokerConsumer*> ConsumerFor(BrokerStream& stream, const ConsumerSpec& spec);

}  // namespace penstock::eventbus::memory
