// SPDX-License-Identifier: Apache-2.0
// Handles `--count` events of the topic "orders", slowly, and prints how much memory it took beyond what it had when it
// was connected. Payloads begin with the event's number within its aggregate, aggregates are "k0", "k1" and so on.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/penstock.h"

namespace {

struct Arguments {
  std::string url{};
  std::uint64_t count = 0;
  std::size_t keys = 1;
  std::size_t max_bytes = std::size_t{64} << 20;
  std::uint64_t sample_every = 1000;
  std::chrono::microseconds::rep handler_us = 0;
};

Arguments Parse(int argc, char** argv, int* exit_code) {
  Arguments arguments;
  CLI::App app("Handles events of the topic \"orders\" and prints what memory that took as one line of JSON.");
  app.add_option("--url", arguments.url)->required();
  app.add_option("--count", arguments.count, "Events to handle")->required();
  app.add_option("--keys", arguments.keys, "Aggregates there are")->required();
  app.add_option("--max-bytes", arguments.max_bytes, "max_in_flight_bytes")->capture_default_str();
  app.add_option("--sample-every", arguments.sample_every, "Handlers between two looks at the stats");
  app.add_option("--handler-us", arguments.handler_us, "How long a handler takes")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error);
  }
  return arguments;
}

std::uint64_t NumberAt(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// A field of /proc/self/status, in KiB.
std::uint64_t StatusField(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return NumberAt(line.substr(line.find_first_of("0123456789")));
  }
  return 0;
}

// The highest resident size begins anew.
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

void Work(std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

class Consumer {
 public:
  explicit Consumer(const Arguments& arguments) : arguments_(arguments), next_(arguments.keys) {}

  absl::Status Run() {
    penstock::BusOptions options{.url = arguments_.url, .client_id = "measured"};
    options.pool.workers = 2;
    auto bus = penstock::EventBus::Connect(options);
    if (!bus.ok()) return bus.status();
    bus_ = *std::move(bus);
    const std::uint64_t before = StatusField("VmRSS");
    ResetPeak();
    auto orders = bus_->SubscribeEnvelope(
        "orders", {.max_in_flight_bytes = arguments_.max_bytes},
        [this](const penstock::Envelope& event, const penstock::Delivery&) { return Handle(event); });
    if (!orders.ok()) return orders.status();
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return handled_ >= arguments_.count; });
    Print(before);
    return absl::OkStatus();
  }

 private:
  penstock::Outcome Handle(const penstock::Envelope& event) {
    Work(std::chrono::microseconds{arguments_.handler_us});
    std::atomic<std::uint32_t>& next = next_.at(NumberAt(std::string_view(event.aggregate_id).substr(1)));
    if (next.fetch_add(1) != NumberAt(event.payload)) violations_.fetch_add(1);
    const std::uint64_t handled = handled_.fetch_add(1) + 1;
    if (handled % arguments_.sample_every == 0) Sample();
    if (handled == arguments_.count) {
      std::lock_guard<std::mutex> lock(mutex_);
      done_.notify_all();
    }
    return penstock::Ack();
  }
  void Sample() {
    const auto subscriptions = bus_->Stats().subscriptions;
    if (subscriptions.empty()) return;  // the first handlers may run before subscribing has returned
    std::lock_guard<std::mutex> lock(mutex_);
    most_bytes_ = std::max(most_bytes_, subscriptions.front().in_flight_bytes);
  }
  void Print(std::uint64_t before) const {
    const auto stats = bus_->Stats().subscriptions.at(0);
    std::printf(
        "{\"handled\":%llu,\"order_violations\":%llu,\"rss_kib\":%llu,\"peak_kib\":%llu,\"most_bytes\":%llu,"
        "\"evicted\":%llu,\"window\":%llu}\n",
        static_cast<unsigned long long>(handled_), static_cast<unsigned long long>(violations_),
        static_cast<unsigned long long>(before), static_cast<unsigned long long>(StatusField("VmHWM")),
        static_cast<unsigned long long>(most_bytes_), static_cast<unsigned long long>(stats.evicted),
        static_cast<unsigned long long>(stats.window));
  }

  const Arguments arguments_;
  std::vector<std::atomic<std::uint32_t>> next_;  // by aggregate
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> violations_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  std::uint64_t most_bytes_ = 0;
  std::unique_ptr<penstock::EventBus> bus_;  // the first to go: its handlers use the rest
};

}  // namespace

/// Of large messages nats.c 3.4.1 leaves a few of the buffers behind in which it puts them together.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-*): the sanitizer asks for this name.
extern "C" const char* __lsan_default_suppressions() { return "leak:natsBuf_Create"; }

int main(int argc, char** argv) {
  int exit_code = -1;
  const Arguments arguments = Parse(argc, argv, &exit_code);
  if (exit_code >= 0) return exit_code;
  return penstock::ExitCode(Consumer(arguments).Run());
}
