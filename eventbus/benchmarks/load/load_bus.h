// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/program.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::benchmarks {

/// How the bus of a load program is set up.
struct BusSettings {
  Target target{};
  std::size_t actors = 256;
  std::size_t workers = 2;
  std::size_t inbox = 1000;
  std::size_t publish_window = 4096;
};

/// Adds the target's options, --actors, --workers, --inbox and --publish-window.
void AddBusOptions(CLI::App& app, BusSettings& settings);

/// The part of the target's stream name before the subject. `kInvalidArgument` when it is not named
/// `<base>_<subject>`.
absl::StatusOr<std::string> BaseOf(const Target& target);

/// A bus whose stream for the target's subject is the target's stream. `kInvalidArgument` when that cannot be: the
/// stream has to be named `<base>_<subject>`.
absl::StatusOr<std::unique_ptr<EventBus>> ConnectBus(const BusSettings& settings);

/// The counts of the only subscription of `bus`.
SubscriptionStats OnlySubscription(const EventBus& bus);

/// Blocks until `count` has come to `wanted`. `kDataLoss`, beginning with `what`, when it did not move for a minute.
absl::Status AwaitCount(std::string_view what, std::uint64_t wanted, absl::FunctionRef<std::uint64_t()> count);

}  // namespace penstock::benchmarks
