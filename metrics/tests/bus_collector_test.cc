// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/bus_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "penstock/metrics/exposition.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

using testing::HasSubstr;

TEST(BusCollectorTest, ReadsItsSourceAtEveryScrape) {
  BusStats stats = SmallBus();
  const auto collector = BusCollector::Create([&stats] { return stats; }, {.metric_namespace = "n"});
  ASSERT_TRUE(collector.ok()) << collector.status();
  EXPECT_THAT(RenderText((*collector)->Collect()), HasSubstr("n_reconnects_total 62\n"));
  stats.connection.reconnects = 99;
  EXPECT_THAT(RenderText((*collector)->Collect()), HasSubstr("n_reconnects_total 99\n"));
}

TEST(BusCollectorTest, KeepsShowingATopicByNameWhenTheOrderOfTheSnapshotChanges) {
  BusStats stats = SmallBus();
  const auto collector = BusCollector::Create([&stats] { return stats; }, {.metric_namespace = "n", .max_topics = 1});
  ASSERT_TRUE(collector.ok());
  (*collector)->Collect();
  stats.topics.insert(stats.topics.begin(), {.topic = "a-newer-one", .published = 5});
  const std::string text = RenderText((*collector)->Collect());
  EXPECT_THAT(text, HasSubstr("n_published_total{topic=\"orders\"} 31\n"));
  EXPECT_THAT(text, HasSubstr("n_published_total{topic=\"other\"} 5\n"));
}

TEST(BusCollectorTest, IsScrapedFromSeveralThreads) {
  const auto collector = BusCollector::Create([] { return LargeBus(20); });
  ASSERT_TRUE(collector.ok());
  std::vector<std::jthread> scrapers;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&collector] {
      for (int n = 0; n < 20; ++n) EXPECT_FALSE((*collector)->Collect().empty());
    });
  }
}

TEST(BusCollectorTest, RefusesAnEmptySourceAndBadOptions) {
  EXPECT_EQ(BusCollector::Create(nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BusCollector::Create([] { return BusStats{}; }, {.max_topics = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock::metrics
