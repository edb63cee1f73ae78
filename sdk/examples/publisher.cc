// SPDX-License-Identifier: Apache-2.0
// Publishes events of some orders to the topic "orders"; those of each order are numbered from 1.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>

#include "pace.h"
#include "penstock/penstock.h"

int main(int argc, char** argv) {
  std::uint64_t count = 10'000;
  std::uint64_t aggregates = 100;
  std::string prefix = "order-";
  double rate = 0;
  CLI::App app("Publishes events to the topic \"orders\"; exit code 0 when the server acknowledged all of them.");
  app.add_option("--count", count, "Events")->capture_default_str();
  app.add_option("--aggregates", aggregates, "Orders they belong to, in turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--prefix", prefix, "What the orders' IDs begin with")->capture_default_str();
  app.add_option("--rate", rate, "Events per second; 0: as many as possible")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  auto options = penstock::ServiceOptions::FromEnvironment(
      {.bus = {.client_id = "publisher"}, .metrics_port = 0, .drain_timeout = std::chrono::seconds(60)});
  if (!options.ok()) return penstock::ExitCode(options.status());
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> failed{0};
  auto service = penstock::Service::Create(*std::move(options));
  if (!service.ok()) return penstock::ExitCode(service.status());

  Pace pace(rate);
  const auto acked = [&](const absl::StatusOr<penstock::PubAck>& ack) { ++(ack.ok() ? published : failed); };
  for (std::uint64_t n = 0; n < count && pace.Await(n, (*service)->stop_token()); ++n) {
    penstock::Envelope event{.aggregate_id = prefix + std::to_string(n % aggregates),
                             .event_type = "OrderChanged",
                             .payload = std::to_string(n / aggregates + 1)};
    if (!(*service)->bus().PublishEnvelopeAsync("orders", std::move(event), acked).ok()) ++failed;
  }

  (*service)->RequestStop();  // the drain waits for the outstanding PubAcks
  const absl::Status ended = (*service)->Run();
  std::printf("published %ju failed %ju\n", std::uintmax_t{published}, std::uintmax_t{failed});
  return ended.ok() && published != count ? 1 : penstock::ExitCode(ended);
}
