// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/load/load_bus.h"

#include <iostream>
#include <thread>
#include <utility>

#include "absl/strings/str_format.h"

namespace penstock::benchmarks {
namespace {

constexpr std::chrono::milliseconds kLook{5};
constexpr std::chrono::seconds kPatience{60};

TlsOptions TlsOf(const Target& target) {
  if (target.tls_ca.empty()) return {};
  return {.mode = TlsOptions::Mode::kRequired, .ca_file = target.tls_ca};
}

}  // namespace

void AddBusOptions(CLI::App& app, BusSettings& settings) {
  AddTargetOptions(app, settings.target);
  app.add_option("--actors", settings.actors, "actors")->check(CLI::PositiveNumber);
  app.add_option("--workers", settings.workers, "worker threads")->check(CLI::PositiveNumber);
  app.add_option("--inbox", settings.inbox, "messages an inbox holds")->check(CLI::PositiveNumber);
  app.add_option("--publish-window", settings.publish_window, "publishes under way")->check(CLI::PositiveNumber);
}

absl::StatusOr<std::string> BaseOf(const Target& target) {
  const std::string suffix = "_" + target.subject;
  if (!target.stream.ends_with(suffix) || target.stream.size() == suffix.size()) {
    return absl::InvalidArgumentError("connect: the bus names its stream \"<base>" + suffix + "\", not \"" +
                                      target.stream + "\"; change --stream or --subject");
  }
  return target.stream.substr(0, target.stream.size() - suffix.size());
}

absl::StatusOr<std::unique_ptr<EventBus>> ConnectBus(const BusSettings& settings) {
  const auto base = BaseOf(settings.target);
  if (!base.ok()) return base.status();
  return EventBus::Connect(
      {.url = settings.target.url,
       .client_id = "load",
       .base_stream_name = *base,
       .tls = TlsOf(settings.target),
       .pool = {.actors = settings.actors, .inbox_capacity = settings.inbox, .workers = settings.workers},
       .publish_window = settings.publish_window,
       .log = [](LogLevel level, std::string_view text) {
         if (level == LogLevel::kError) std::cerr << text << '\n';
       }});
}

SubscriptionStats OnlySubscription(const EventBus& bus) {
  const BusStats stats = bus.Stats();
  return stats.subscriptions.empty() ? SubscriptionStats{} : stats.subscriptions.front();
}

absl::Status AwaitCount(std::string_view what, std::uint64_t wanted, absl::FunctionRef<std::uint64_t()> count) {
  std::uint64_t before = 0;
  for (auto deadline = Clock::now() + kPatience; Clock::now() < deadline; std::this_thread::sleep_for(kLook)) {
    const std::uint64_t now = count();
    if (now >= wanted) return absl::OkStatus();
    if (std::exchange(before, now) != now) deadline = Clock::now() + kPatience;
  }
  return absl::DataLossError(absl::StrFormat("%s: %d messages of %d came", std::string(what), before, wanted));
}

}  // namespace penstock::benchmarks
