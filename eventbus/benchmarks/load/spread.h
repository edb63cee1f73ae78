// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/load/key_order.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {

/// Events for several topics, as many for each, all with bodies of 128 bytes.
struct Spread {
  std::vector<std::string> topics{};
  std::uint64_t keys = 1000;  ///< aggregates in all
};

/// Publishes `events` to the topics in turn, and blocks until the server has stored all of them.
absl::Status PublishEvents(EventBus& bus, const Spread& spread, std::uint64_t events);

/// Handles the events of one topic, which `order` checks and has to outlive.
absl::Status SubscribeInOrder(EventBus& bus, const std::string& topic, const EnvelopeSubscribeOptions& options,
                              KeyOrder& order);

/// Blocks until the subscriptions of `bus` have acknowledged `wanted` events together. `kDataLoss` when no more come.
absl::Status AwaitAcked(const EventBus& bus, std::uint64_t wanted);

/// Measures with `count` topics, `<subject>.0` and so on, each with a stream of its own, which it deletes afterwards.
absl::StatusOr<Result> WithTopics(const BusSettings& settings, std::size_t count,
                                  absl::FunctionRef<absl::StatusOr<Result>(const std::vector<std::string>&)> measure);

}  // namespace penstock::benchmarks
