// SPDX-License-Identifier: Apache-2.0
// The memory that a consumer takes after it was connected, measured by itself in a process of its own, is at most what
// its options allow and 64 MiB. 100,000 events; 1,000,000 with FULL_SIZE=1 in the environment.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "scenarios/scenario.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kMaxBytes = 8 * kMiB;
constexpr std::chrono::minutes kLongest{8};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMemoryIsOurs = false;  // a sanitizer's own is many times that
#else
constexpr bool kMemoryIsOurs = true;
#endif

std::size_t Events() { return std::getenv("FULL_SIZE") != nullptr ? 1'000'000 : 100'000; }

class MemoryStaysWithinItsBound : public Scenario {
 protected:
  void SetUp() override { UseServer(); }

  /// Publishes `count` events round about `keys` aggregates, each numbered within its own, with bodies of `size` bytes.
  void Publish(std::size_t count, std::size_t keys, std::size_t size) {
    auto bus = Connect(Options("publisher"));
    auto failed = std::make_shared<std::atomic<std::size_t>>(0);
    for (std::size_t i = 0; i < count; ++i) {
      std::string payload = std::to_string(i / keys);
      payload.resize(std::max(size, payload.size() + 1), ' ');
      ASSERT_THAT(bus->PublishEnvelopeAsync("orders", Event("k" + std::to_string(i % keys), std::move(payload)),
                                            [failed](const absl::StatusOr<PubAck>& ack) {
                                              if (!ack.ok()) failed->fetch_add(1);
                                            }),
                  IsOk());
    }
    EXPECT_THAT(bus->Drain(kPatience).status, IsOk());
    ASSERT_EQ(failed->load(), 0u);
  }

  /// Has a process consume them, and holds it to its bound; what it reports.
  nlohmann::json Consume(std::size_t count, std::size_t keys, std::vector<std::string> more) {
    std::vector<std::string> command = {PENSTOCK_MEASURED_CONSUMER,
                                        "--url",
                                        url(),
                                        "--count",
                                        std::to_string(count),
                                        "--keys",
                                        std::to_string(keys),
                                        "--max-bytes",
                                        std::to_string(kMaxBytes)};
    command.insert(command.end(), more.begin(), more.end());
    const auto process = ChildProcess::Spawn({.command = std::move(command)});
    EXPECT_THAT(process, IsOk());
    if (!process.ok()) return {};
    ChildProcess& consumer = **process;
    EXPECT_EQ(consumer.Await(kLongest), 0);
    std::cout << count << " events of " << keys << " aggregates: " << consumer.output();
    auto report = nlohmann::json::parse(consumer.output(), nullptr, false);
    if (report.is_discarded()) return {};
    EXPECT_EQ(report["handled"], count);
    EXPECT_EQ(report["order_violations"], 0);
    const std::size_t more_kib = report["peak_kib"].get<std::size_t>() - report["rss_kib"].get<std::size_t>();
    if (kMemoryIsOurs) {
      EXPECT_LE(more_kib, (kMaxBytes + 64 * kMiB) / 1024);
    }
    return report;
  }
};

TEST_F(MemoryStaysWithinItsBound, ThroughABacklogThatASlowPoolWorksOff) {
  constexpr std::size_t kKeys = 1000;
  Publish(Events(), kKeys, 100);
  Consume(Events(), kKeys, {"--handler-us", "20"});
}

TEST_F(MemoryStaysWithinItsBound, ThroughAsManyAggregatesAsEvents) {
  Publish(Events(), Events(), 100);
  Consume(Events(), Events(), {});
}

TEST_F(MemoryStaysWithinItsBound, WhenAllEventsAreOfOneAggregate) {
  const std::size_t count = Events() / 2;
  Publish(count, 1, 1000);
  Consume(count, 1, {});
}

TEST_F(MemoryStaysWithinItsBound, AndSoDoLargeBodies) {
  constexpr std::size_t kBody = 512 * 1024;
  for (const std::size_t keys : {std::size_t{1}, std::size_t{10}, std::size_t{200}}) {
    UseServer();
    Publish(200, keys, kBody);
    const auto report = Consume(200, keys, {"--handler-us", "2000", "--sample-every", "1"});
    ASSERT_TRUE(report.contains("most_bytes"));
    EXPECT_LE(report["most_bytes"].get<std::size_t>(), kMaxBytes + kBody + 4096);
    EXPECT_GT(report["most_bytes"].get<std::size_t>(), kBody);
  }
}

}  // namespace
}  // namespace penstock::testing
