// SPDX-License-Identifier: Apache-2.0
// Publishes a run's events through the bus. Its standard input says, in numbers of eight bytes, how many it may begin.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "chaos/event_plan.h"
#include "chaos/ledger.h"
#include "chaos/names.h"
#include "chaos/outbox.h"
#include "chaos/tasks/task_actor.h"
#include "chaos/tasks/task_plan.h"
#include "chaos/tasks/task_sender.h"
#include "penstock/penstock.h"

namespace penstock::chaos {
namespace {

struct Options {
  std::string url;
  std::string ledger;
  std::string ca_file;
  std::uint64_t seed = 1;
  std::size_t events = 0;
  std::uint16_t incarnation = 0;
  int replicas = 1;
  std::size_t tasks = 0;
};

// Waits for leave to begin more than `begun` events; returns how many, `begun` when the driver is gone.
std::size_t AwaitLeave(std::size_t begun) {
  std::uint64_t allowed = begun;
  while (allowed <= begun) {
    if (read(STDIN_FILENO, &allowed, sizeof allowed) != sizeof allowed) return begun;
  }
  return static_cast<std::size_t>(allowed);
}

absl::Status Run(const Options& options) {
  const EventPlan plan(options.seed, options.events);
  const auto ledger = LedgerWriter::Open(options.ledger);
  if (!ledger.ok()) return ledger.status();
  // Outlives the bus, which may have callbacks for it until it is closed.
  Outbox outbox(options.seed, plan, *ledger, options.incarnation, LedgerReader(options.ledger).ReadNew());
  auto bus = EventBus::Connect({.url = options.url,
                                .client_id = "chaos-publisher",
                                .base_stream_name = kBaseStream,
                                .tls = TlsTrusting(options.ca_file),
                                .limits = {.replicas = options.replicas},
                                .connect_timeout = std::chrono::seconds(60),
                                .log = MakeStderrLog(LogLevel::kInfo)});
  if (!bus.ok()) return bus.status();
  const TaskPlan tasks(options.seed, options.events, options.tasks);
  const std::string task_ledger = TaskLedgerBeside(options.ledger);
  const auto task_lines = LedgerWriter::Open(task_ledger);
  if (!task_lines.ok()) return task_lines.status();
  const TaskBooks books(*task_lines, options.incarnation);
  TaskSender sender(**bus, options.seed, tasks, books, TaskLedgerReader(task_ledger).ReadNew());
  outbox.PublishBacklog(**bus);
  sender.Released(outbox.next());
  for (std::size_t allowed = 0; outbox.next() < options.events;) {
    if (allowed <= outbox.next()) allowed = AwaitLeave(outbox.next());
    if (allowed <= outbox.next()) return absl::CancelledError("publish: the driver is gone");
    outbox.PublishNext(**bus);
    sender.Released(outbox.next());
  }
  outbox.AwaitAcks(**bus);
  sender.Finish();
  return absl::OkStatus();
}

}  // namespace
}  // namespace penstock::chaos

int main(int argc, char** argv) {
  penstock::chaos::Options options;
  CLI::App app("Publishes the events of a chaos run.");
  app.add_option("--url", options.url)->required();
  app.add_option("--ledger", options.ledger)->required();
  app.add_option("--ca-file", options.ca_file, "Speak TLS to the server and trust this certificate");
  app.add_option("--seed", options.seed)->required();
  app.add_option("--events", options.events)->required();
  app.add_option("--incarnation", options.incarnation)->required();
  app.add_option("--replicas", options.replicas, "Of the streams")->capture_default_str();
  app.add_option("--tasks", options.tasks, "Sent to an actor, for 100 events")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return penstock::ExitCode(penstock::chaos::Run(options));
}
