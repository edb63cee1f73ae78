// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "benchmarks/load/key_order.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {

struct ConsumeSettings {
  BusSettings bus{};
  std::string mode = "explicit";
  std::size_t window = 4096;
  std::size_t keys = 1'000'000;
  std::chrono::microseconds handler{0};
};

/// Adds the bus' options, --mode, --window, --keys and --handler-us.
void AddConsumeOptions(CLI::App& app, ConsumeSettings& settings);

/// Handles the messages that the target's stream holds, through a durable of the target's name, and checks that those
/// of each aggregate come in stream order, each once. Timed from the first one handled to the last one acknowledged and
/// on its way.
///
/// **Thread safety:** thread-compatible. **Blocking:** `Run` until all is done.
class Consumption {
 public:
  explicit Consumption(ConsumeSettings settings);

  /// Subscribes to `bus` and drains it in the end.
  absl::StatusOr<Result> Run(EventBus& bus);

 private:
  absl::Status Subscribe(EventBus& bus);
  absl::Status SubscribeAtMostOnce(EventBus& bus);
  absl::Status AwaitAll(const EventBus& bus) const;
  void Handle(std::string_view aggregate, std::uint64_t sequence);

  const ConsumeSettings settings_;
  KeyOrder order_;
  std::atomic<Clock::rep> begun_{0};       // relaxed: read when all is over
  std::atomic<std::uint64_t> handled_{0};  // relaxed: a counter
};

}  // namespace penstock::benchmarks
