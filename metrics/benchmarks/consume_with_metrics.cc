// SPDX-License-Identifier: Apache-2.0
// The same as consume_penstock, with the metrics endpoint on and scraped every second.
#include <atomic>
#include <chrono>
#include <iostream>
#include <thread>

#include "benchmarks/load/consumption.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "penstock/metrics/http_endpoint.h"
#include "support/http_get.h"

namespace penstock::benchmarks {
namespace {

/// Fetches an endpoint's metrics once a second until it is destroyed, as Prometheus would.
class Scraper {
 public:
  explicit Scraper(std::uint16_t port) : thread_([this, port] { Run(port); }) {}
  ~Scraper() {
    {
      MutexLock lock(mutex_);
      over_ = true;
      ended_.NotifyAll();
    }
    thread_.join();
  }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void Run(std::uint16_t port) {
    MutexLock lock(mutex_);
    while (!over_) {
      bytes_.fetch_add(testing::HttpGet(port, "/metrics").size(), std::memory_order_relaxed);
      const auto next = Clock::now() + std::chrono::seconds{1};
      while (!over_ && ended_.WaitUntil(lock, next)) {
      }
    }
  }

  std::atomic<std::uint64_t> bytes_{0};  // relaxed: a counter
  Mutex mutex_;
  CondVar ended_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

absl::StatusOr<Result> Consume(const ConsumeSettings& settings, bool per_actor) {
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  auto collector = metrics::BusCollector::Create([&bus] { return (*bus)->Stats(); }, {.per_actor = per_actor});
  if (!collector.ok()) return collector.status();
  const auto scrape = [&collector](const metrics::HttpRequest& request) {
    return metrics::ReplyToScrape(request, (*collector)->Collect());
  };
  const auto endpoint = metrics::HttpEndpoint::Listen({.routes = {{"/metrics", {.handler = scrape}}}});
  if (!endpoint.ok()) return endpoint.status();
  const Scraper scraper((*endpoint)->port());
  auto result = Consumption(settings).Run(**bus);
  if (result.ok() && scraper.bytes() == 0) return absl::InternalError("scrape: nothing came");
  return result;
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("handles the messages that a stream holds while its metrics are scraped", "consume_with_metrics");
  penstock::benchmarks::ConsumeSettings settings;
  penstock::benchmarks::AddConsumeOptions(app, settings);
  bool per_actor = false;
  app.add_flag("--per-actor", per_actor, "split the pool's families by actor");
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&] { return penstock::benchmarks::Consume(settings, per_actor); });
}
