// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/stream_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "penstock/actorpool/stream_registry.h"
#include "penstock/metrics/exposition.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

using testing::HasSubstr;

TEST(StreamFamiliesTest, HaveEveryNumberOfTheSnapshot) {
  const std::string text = RenderText(StreamFamilies(SmallRegistry(), {.metric_namespace = "n"}));
  for (const char* line : {
           "n_stream_registry_streams{registry=\"quotes\"} 1\n",
           "n_stream_registry_streams_ending{registry=\"quotes\"} 2\n",
           "n_stream_registry_streams_near_full{registry=\"quotes\"} 13\n",
           "n_stream_registry_streams_running{registry=\"quotes\"} 14\n",
           "n_stream_registry_queue_depth{registry=\"quotes\"} 12\n",
           "n_stream_registry_messages_sent_total{registry=\"quotes\"} 4\n",
           "n_stream_registry_messages_processed_total{registry=\"quotes\",success=\"true\"} 5\n",
           "n_stream_registry_messages_processed_total{registry=\"quotes\",success=\"false\"} 6\n",
           "n_stream_registry_messages_dropped_total{registry=\"quotes\"} 7\n",
           "n_stream_registry_messages_refused_total{registry=\"quotes\"} 8\n",
           "n_stream_registry_messages_unknown_total{registry=\"quotes\"} 3\n",
           "n_stream_registry_near_full_total{registry=\"quotes\"} 11\n",
           "n_stream_registry_stream_restarted_total{registry=\"quotes\"} 9\n",
           "n_stream_registry_stream_suspended_total{registry=\"quotes\"} 10\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(StreamCollectorTest, ReadsTheRegistryAtEveryScrape) {
  auto pool = actorpool::ActorPool::Create({.actors = 1, .workers = 1}).value();
  auto registry = actorpool::StreamRegistry<std::string>::Create(*pool, {.name = "quotes"}).value();
  const auto collector = StreamCollector::Create([&registry] { return registry->Stats(); });
  ASSERT_TRUE(collector.ok()) << collector.status();
  EXPECT_THAT(RenderText((*collector)->Collect()),
              HasSubstr("penstock_stream_registry_messages_unknown_total{registry=\"quotes\"} 0\n"));
  EXPECT_EQ(registry->Dispatch("nobody", "hello").code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(RenderText((*collector)->Collect()),
              HasSubstr("penstock_stream_registry_messages_unknown_total{registry=\"quotes\"} 1\n"));
}

TEST(StreamCollectorTest, RefusesAnEmptySourceAndANamespaceThatIsNone) {
  EXPECT_EQ(StreamCollector::Create(nullptr).status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* bad : {"", "1a", "a b", "a-b"}) {
    const auto refused =
        StreamCollector::Create([] { return actorpool::StreamRegistryStats{}; }, {.metric_namespace = bad});
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("metric_namespace")) << bad;
  }
}

}  // namespace
}  // namespace penstock::metrics
