// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "benchmarks/load/key_order.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {

/// Events for several topics, as many for each, all with bodies of 128 bytes.
struct Spread {
  std::vector<std::string> topics{};
  std::uint64_t keys = 1000;  ///< aggregates in all
};

/// `<subject>.0` and so on. Each has a stream of its own.
std::vector<std::string> TopicsBelow(const std::string& subject, std::size_t count);

/// Publishes `events` to the topics in turn, and blocks until the server has stored all of them.
absl::Status PublishEvents(EventBus& bus, const Spread& spread, std::uint64_t events);

/// Handles the events of one topic, which `order` checks and has to outlive.
absl::Status SubscribeInOrder(EventBus& bus, const std::string& topic, const EnvelopeSubscribeOptions& options,
                              KeyOrder& order);

/// Blocks until the subscriptions of `bus` have acknowledged `wanted` events together. `kDataLoss` when no more come.
absl::Status AwaitAcked(const EventBus& bus, std::uint64_t wanted);

/// Deletes the streams of these topics that `settings` name. Fine, too, when there are none.
absl::Status DeleteStreams(const BusSettings& settings, const std::vector<std::string>& topics);

}  // namespace penstock::benchmarks
