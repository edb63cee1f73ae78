// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/task_contests.h"

#include <cstdint>
#include <string>
#include <utility>

namespace penstock::bench {
namespace {

using Arguments = std::vector<std::string>;

Side Dramatiq(std::string name, const char* broker, const Arguments& row) {
  Side side{.name = std::move(name), .program = std::string("peers/dramatiq_") + broker};
  side.arguments = row;
  return side;
}

/// Redis keeps everything in memory, or also writes a file that it leaves to the operating system to synchronise, as a
/// nats-server does for two minutes. RabbitMQ gets persistent messages and confirms each.
std::vector<Side> Dramatiqs(const char* rabbitmq, const Arguments& row) {
  std::vector<Side> sides = {Dramatiq("Dramatiq, Redis", "redis", row),
                             Dramatiq("Dramatiq, Redis with AOF", "redis", row), Dramatiq(rabbitmq, "rabbitmq", row)};
  sides[1].arguments.insert(sides[1].arguments.end(), {"--persistence", "no"});
  return sides;
}

Contest Task(std::vector<Row> rows, std::uint64_t messages, std::string program, Arguments arguments,
             std::vector<Side> peers) {
  Contest contest = {.rows = std::move(rows),
                     .ours = {.name = "penstock",
                              .program = std::move(program),
                              .arguments = std::move(arguments),
                              .size = messages,
                              .ground = Ground::kFreshStream},
                     .peers = std::move(peers)};
  for (Side& peer : contest.peers) peer.size = messages;
  return contest;
}

}  // namespace

std::vector<Contest> TaskContests() {
  const Arguments delays = {"--least-ms", "100", "--most-ms", "5000"};
  Arguments row = {"--row", "delay"};
  row.insert(row.end(), delays.begin(), delays.end());
  return {Task({{.name = "actors"}}, 50'000, "load/actors_penstock", {},
               Dramatiqs("Dramatiq, RabbitMQ", {"--row", "actors"})),
          Task({{.name = "results"}}, 100'000, "load/results_penstock", {},
               Dramatiqs("Dramatiq, RabbitMQ, results in Redis", {"--row", "results"})),
          Task({{.name = "delay_5000", .figure = Figure::kP50}, {.name = "delay_5000_p99", .figure = Figure::kP99}},
               5'000, "load/delay_penstock", delays, Dramatiqs("Dramatiq, RabbitMQ", row))};
}

}  // namespace penstock::bench
