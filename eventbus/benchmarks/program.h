// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

namespace penstock::benchmarks {

using Clock = std::chrono::steady_clock;

/// Where a program works; every program has these options.
struct Target {
  std::string url = "nats://127.0.0.1:4222";
  std::string tls_ca{};  ///< PEM file of what signs the server's certificate; empty: no TLS
  std::string stream = "PEERS";
  std::string subject = "peers.events";
  std::string durable = "peer";
  std::uint64_t messages = 1'000'000;
};

struct Latencies {
  double p50_us = 0;
  double p99_us = 0;
};

/// Resident memory in bytes: what one of each takes. May be a little below 0 where it takes nothing.
struct Footprint {
  double per_idle_actor = 0;
  double per_idle_subscription = 0;
  double per_idle_key = 0;
  double per_message_seen = 0;
};

/// The report of a program whose work is done and found right.
struct Result {
  std::uint64_t messages = 0;
  Clock::duration elapsed{};
  std::optional<Latencies> latencies{};
  std::optional<Footprint> footprint{};
};

/// Adds --url, --tls-ca, --stream, --subject, --durable and --messages to the command line.
void AddTargetOptions(CLI::App& app, Target& target);

/// The median and the 99th percentile of a sample that is not empty; reorders it.
Latencies Percentiles(std::vector<Clock::duration>& sample);

/// Parses the command line, does the work, and prints its result as one line of JSON. Returns what main returns: 1 with
/// one line on stderr when the work failed, 2 when the command line is wrong.
int RunProgram(CLI::App& app, int argc, char** argv, absl::AnyInvocable<absl::StatusOr<Result>()> work);

}  // namespace penstock::benchmarks
