// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/load/load_bus.h"

#include <iostream>

namespace penstock::benchmarks {

void AddBusOptions(CLI::App& app, BusSettings& settings) {
  AddTargetOptions(app, settings.target);
  app.add_option("--actors", settings.actors, "actors")->check(CLI::PositiveNumber);
  app.add_option("--workers", settings.workers, "worker threads")->check(CLI::PositiveNumber);
  app.add_option("--inbox", settings.inbox, "messages an inbox holds")->check(CLI::PositiveNumber);
  app.add_option("--publish-window", settings.publish_window, "publishes under way")->check(CLI::PositiveNumber);
}

absl::StatusOr<std::unique_ptr<EventBus>> ConnectBus(const BusSettings& settings) {
  const Target& target = settings.target;
  const std::string suffix = "_" + target.subject;
  if (!target.stream.ends_with(suffix) || target.stream.size() == suffix.size()) {
    return absl::InvalidArgumentError("connect: the bus names its stream \"<base>" + suffix + "\", not \"" +
                                      target.stream + "\"; change --stream or --subject");
  }
  return EventBus::Connect(
      {.url = target.url,
       .client_id = "load",
       .base_stream_name = target.stream.substr(0, target.stream.size() - suffix.size()),
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

}  // namespace penstock::benchmarks
