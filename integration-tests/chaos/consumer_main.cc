// SPDX-License-Identifier: Apache-2.0
// Handles a run's events until SIGTERM, as slowly and as badly as the plan says, and keeps the books on it.
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "chaos/event_plan.h"
#include "chaos/handler_pause.h"
#include "chaos/ledger.h"
#include "chaos/names.h"
#include "chaos/tasks/task_actor.h"
#include "chaos/tasks/task_host.h"
#include "chaos/tasks/task_plan.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/penstock.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::seconds kStartPatience{60};

struct Options {
  std::string url;
  std::string ledger;
  std::string ca_file;
  std::uint64_t seed = 1;
  std::size_t credit = 0;
  std::uint16_t incarnation = 0;
  int replicas = 1;
  bool obeys = false;
  bool hosts = false;
};

// How long a handler takes at least: in milliseconds, the latest number on standard input.
class HandlerTime {
 public:
  std::chrono::milliseconds Now() {
    MutexLock lock(mutex_);
    std::uint64_t told = 0;
    for (pollfd input{STDIN_FILENO, POLLIN, 0}; poll(&input, 1, 0) > 0 && read(STDIN_FILENO, &told, sizeof told) > 0;) {
      time_ = std::chrono::milliseconds(told);
    }
    return time_;
  }

 private:
  Mutex mutex_;
  std::chrono::milliseconds time_ ABSL_GUARDED_BY(mutex_){0};
};

class Handler {
 public:
  Handler(const Options& options, const LedgerWriter& ledger, HandlerTime& time)
      : options_(options), ledger_(ledger), time_(time) {}

  Outcome Handle(const Envelope& envelope, const Delivery& delivery) const {
    const std::optional<EventRef> event = ReadPayload(options_.seed, envelope.payload);
    if (!event || envelope.aggregate_id != KeyName(event->key)) {
      Write(Entry::kStart, Result::kUnexpected, {}, &delivery);
      return Reject("the payload is none of this run's");
    }
    Write(Entry::kStart, Result::kNone, *event, &delivery);
    return Behave(*event, delivery);
  }

  void Ready() const { Write(Entry::kReady, Result::kNone, {}, nullptr); }

 private:
  Outcome Behave(EventRef event, const Delivery& delivery) const {
    const Behaviour behaviour = BehaviourAt(options_.seed, event, delivery.attempt());
    if (options_.obeys) Pause(time_.Now());
    if (behaviour == Behaviour::kSlow) Pause(SlowTime(options_.seed, event));
    if (behaviour == Behaviour::kReject) {
      Write(Entry::kEnd, Result::kRejected, event, &delivery);
      return Reject("poison");
    }
    const bool bad = behaviour == Behaviour::kFail || behaviour == Behaviour::kThrow;
    Write(Entry::kEnd, bad ? Result::kFailed : Result::kDone, event, &delivery);
    if (behaviour == Behaviour::kThrow) throw std::runtime_error("thrown by the plan");
    return bad ? Retry("failed by the plan") : Ack();
  }

  void Write(Entry kind, Result result, EventRef event, const Delivery* delivery) const {
    ledger_.Append({.time_ns = MonotonicNow(),
                    .stream_sequence = delivery == nullptr ? 0 : delivery->stream_sequence(),
                    .event = event,
                    .delivery = delivery == nullptr ? 0 : static_cast<std::uint32_t>(delivery->attempt()),
                    .incarnation = options_.incarnation,
                    .kind = kind,
                    .result = result});
  }

  const Options& options_;
  const LedgerWriter& ledger_;
  HandlerTime& time_;
};

// A cluster without a quorum may get one yet, as a supervisor that starts a process again would find.
absl::Status Patiently(const std::function<absl::Status()>& begin) {
  const auto deadline = std::chrono::steady_clock::now() + kStartPatience;
  while (true) {
    const absl::Status status = begin();
    const bool passes = absl::IsDeadlineExceeded(status) || absl::IsUnavailable(status);
    if (!passes || std::chrono::steady_clock::now() >= deadline) return status;
  }
}

absl::Status Subscribe(EventBus& bus, const Options& options, const Handler& handler) {
  return Patiently([&] {
    return bus
        .SubscribeEnvelope(
            kTopic, {.durable = kDurable, .max_in_flight = options.credit},
            [&](const Envelope& envelope, const Delivery& delivery) { return handler.Handle(envelope, delivery); })
        .status();
  });
}

absl::Status Run(const Options& options) {
  const auto ledger = LedgerWriter::Open(options.ledger);
  if (!ledger.ok()) return ledger.status();
  const auto task_ledger = LedgerWriter::Open(TaskLedgerBeside(options.ledger));
  if (!task_ledger.ok()) return task_ledger.status();
  const TaskBooks books(*task_ledger, options.incarnation);
  HandlerTime time;
  const Handler handler(options, *ledger, time);
  BusOptions bus{.url = options.url,
                 .client_id = "chaos-consumer",
                 .base_stream_name = kBaseStream,
                 .tls = TlsTrusting(options.ca_file),
                 .limits = {.replicas = options.replicas},
                 .connect_timeout = kStartPatience};
  bus.pool.workers = options.hosts ? 12 : 8;  // slow handlers must not hold up the others
  auto service =
      Service::Create({.bus = std::move(bus), .metrics_port = std::nullopt, .drain_timeout = std::chrono::seconds(20)});
  if (!service.ok()) return service.status();
  if (absl::Status status = Subscribe((*service)->bus(), options, handler); !status.ok()) return status;
  if (options.hosts) {
    const auto host = [&] { return HostTasks((*service)->bus(), options.seed, books); };
    if (absl::Status status = Patiently(host); !status.ok()) return status;
  }
  handler.Ready();
  return (*service)->Run();
}

}  // namespace
}  // namespace penstock::chaos

int main(int argc, char** argv) {
  penstock::chaos::Options options;
  CLI::App app("Handles the events of a chaos run.");
  app.add_option("--url", options.url)->required();
  app.add_option("--ledger", options.ledger)->required();
  app.add_option("--ca-file", options.ca_file, "Speak TLS to the server and trust this certificate");
  app.add_option("--seed", options.seed)->required();
  app.add_option("--credit", options.credit)->required();
  app.add_option("--incarnation", options.incarnation)->required();
  app.add_option("--replicas", options.replicas, "Of the streams")->capture_default_str();
  app.add_flag("--obeys", options.obeys,
               "Handlers take as many milliseconds as the last number on standard input says");
  app.add_flag("--hosts", options.hosts, "Hosts the actor of the run's tasks, too");
  CLI11_PARSE(app, argc, argv);
  return penstock::ExitCode(penstock::chaos::Run(options));
}
