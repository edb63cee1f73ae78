// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>

#include "penstock/metrics/bus_collector.h"
#include "penstock/metrics/exposition.h"
#include "snapshots.h"

namespace penstock::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Render(const BusStats& stats, const CollectorOptions& options = {}) {
  return RenderText(BusFamilies(stats, options));
}

/// Lines of the text that are samples, each with its value cut off.
std::multiset<std::string> SeriesIn(const std::string& text) {
  std::multiset<std::string> series;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    if (!line.starts_with('#')) series.insert(line.substr(0, line.rfind(' ')));
    begin = end + 1;
  }
  return series;
}

TEST(BusFamiliesTest, WritesTheActorPoolUnderTheDefaultNamespace) {
  const std::string text = Render(SmallBus());
  const std::string pool = "\nnats_eventbus_billing_eu_1_actor_pool_";
  EXPECT_THAT(text, HasSubstr(pool + "messages_sent_total 110\n"));
  EXPECT_THAT(text, HasSubstr(pool + "messages_processed_total{success=\"true\"} 89\n"));
  EXPECT_THAT(text, HasSubstr(pool + "messages_processed_total{success=\"false\"} 15\n"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_depth 6\n"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_utilization 0.3"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_depth_max 5\n"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_utilization_max 0.5\n"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_depth_highest 9\n"));
  EXPECT_THAT(text, HasSubstr(pool + "actor_restarted_total 4\n"));
  EXPECT_THAT(text, HasSubstr(pool + "actor_suspended_total 1\n"));
  EXPECT_THAT(text, HasSubstr(pool + "inbox_full_total 3\n"));
  EXPECT_THAT(text, HasSubstr(pool + "messages_abandoned_total 7\n"));
  EXPECT_THAT(text, HasSubstr(pool + "dead_letters_total 47\n"));
}

TEST(BusFamiliesTest, GoesOnCountingWhatEndedSubscriptionsCounted) {
  BusStats stats;
  stats.subscriptions = {{.topic = "t", .durable = "d", .received = 3, .dead_lettered = 1, .active = true}};
  stats.ended_subscriptions = {{.topic = "t", .durable = "d", .received = 4, .dead_lettered = 2},
                               {.topic = "gone", .durable = "d", .received = 5}};
  const std::string text = Render(stats, {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"t\",durable=\"d\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"gone\",durable=\"d\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_active{topic=\"t\",durable=\"d\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_active{topic=\"gone\",durable=\"d\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("n_actor_pool_dead_letters_total 3\n"));
}

TEST(BusFamiliesTest, LabelsEverySeriesWithTheClientIdInOneNamespaceIfAsked) {
  BusStats stats = SmallBus();
  stats.client_id = "billing-2";
  const std::string labelled = Render(stats, {.client_id_in = ClientIdIn::kLabel});
  const std::string named = Render(stats, {});
  EXPECT_THAT(labelled, HasSubstr("penstock_connected{client_id=\"billing-2\"} "));
  EXPECT_THAT(labelled, HasSubstr("penstock_publish_latency_seconds_count{client_id=\"billing-2\"} "));
  EXPECT_THAT(labelled, HasSubstr("penstock_received_total{client_id=\"billing-2\",topic="));
  EXPECT_THAT(labelled, Not(HasSubstr("nats_eventbus_billing_2")));
  EXPECT_THAT(named, Not(HasSubstr("client_id=")));
  for (const auto& family : BusFamilies(stats, {.client_id_in = ClientIdIn::kLabel})) {
    for (const auto& metric : family.metric) EXPECT_EQ(metric.label.front().name, "client_id") << family.name;
  }
  EXPECT_EQ(Render(stats, {.client_id_in = ClientIdIn::kBoth}), named + labelled);
  EXPECT_THAT(Render(stats, {.client_id_in = ClientIdIn::kLabel, .metric_namespace = "n"}),
              HasSubstr("n_connected{client_id=\"billing-2\"} "));
}

TEST(BusFamiliesTest, WritesTheLatencyAsACumulativeHistogram) {
  const std::string text = Render(SmallBus(), {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_actor_pool_message_latency_seconds_count 12\n"));
  EXPECT_THAT(text, HasSubstr("n_actor_pool_message_latency_seconds_sum 60.5\n"));
  EXPECT_THAT(text, HasSubstr("_message_latency_seconds_bucket{le=\"2.5e-05\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("_message_latency_seconds_bucket{le=\"5\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("_message_latency_seconds_bucket{le=\"+Inf\"} 12\n"));
}

TEST(BusFamiliesTest, JoinsBucketsOfThePublishLatencyWithoutLosingAny) {
  const std::string text = Render(SmallBus(), {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_publish_latency_seconds_bucket{le=\"0.0001\"} 8\n"));
  EXPECT_THAT(text, Not(HasSubstr("n_publish_latency_seconds_bucket{le=\"5e-05\"}")));
  EXPECT_THAT(text, HasSubstr("n_publish_latency_seconds_count 8\n"));
}

TEST(BusFamiliesTest, LabelsTopicsAndSubscriptions) {
  const std::string text = Render(SmallBus(), {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_published_total{topic=\"orders\"} 31\n"));
  EXPECT_THAT(text, HasSubstr("n_publish_duplicates_total{topic=\"orders\"} 32\n"));
  EXPECT_THAT(text, HasSubstr("n_publish_failed_total{topic=\"orders\"} 33\n"));
  EXPECT_THAT(text, HasSubstr("n_published_bytes_total{topic=\"orders\"} 34\n"));
  const std::string labels = "{topic=\"orders\",durable=\"billing\"} ";
  EXPECT_THAT(text, HasSubstr("n_received_total" + labels + "41\n"));
  EXPECT_THAT(text, HasSubstr("n_redelivered_total" + labels + "42\n"));
  EXPECT_THAT(text, HasSubstr("n_duplicates_total" + labels + "43\n"));
  EXPECT_THAT(text, HasSubstr("n_acked_total" + labels + "44\n"));
  EXPECT_THAT(text, HasSubstr("n_naks_total" + labels + "45\n"));
  EXPECT_THAT(text, HasSubstr("n_terminated_total" + labels + "46\n"));
  EXPECT_THAT(text, HasSubstr("n_undecodable_total" + labels + "48\n"));
  EXPECT_THAT(text, HasSubstr("n_timed_out_total 64\n"));
  EXPECT_THAT(text, HasSubstr("n_expired_total 65\n"));
  EXPECT_THAT(text, HasSubstr("n_resubscribes_total" + labels + "49\n"));
  EXPECT_THAT(text, HasSubstr("n_in_flight" + labels + "50\n"));
  EXPECT_THAT(text, HasSubstr("n_parked" + labels + "51\n"));
  EXPECT_THAT(text, HasSubstr("n_held_keys" + labels + "52\n"));
  EXPECT_THAT(text, HasSubstr("n_quarantined_keys" + labels + "59\n"));
  EXPECT_THAT(text, HasSubstr("n_stuck_handlers" + labels + "60\n"));
  EXPECT_THAT(text, HasSubstr("n_skipped_total" + labels + "54\n"));
  EXPECT_THAT(text, HasSubstr("n_stored_twice_total" + labels + "61\n"));
  EXPECT_THAT(text, HasSubstr("n_circuit_opened_total" + labels + "56\n"));
  EXPECT_THAT(text, HasSubstr("n_in_flight_bytes" + labels + "57\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_degraded" + labels + "1\n"));
  EXPECT_THAT(text, HasSubstr("n_lag" + labels + "53\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_active" + labels + "1\n"));
}

TEST(BusFamiliesTest, WritesTheConnection) {
  const std::string text = Render(SmallBus(), {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_connected 1\n"));
  EXPECT_THAT(text, HasSubstr("n_storage_mismatch_total 61\n"));
  EXPECT_THAT(text, HasSubstr("n_stream_warnings_total 62\n"));
  EXPECT_THAT(text, HasSubstr("n_delayed_waiting 71\n"));
  EXPECT_THAT(text, HasSubstr("n_delayed_relayed_total 72\n"));
  EXPECT_THAT(text, HasSubstr("n_delayed_overdue_seconds 1.5\n"));
  EXPECT_THAT(text, HasSubstr("n_letters_kept_total 63\n"));
  EXPECT_THAT(text, HasSubstr("n_subscriptions_reading_letters 1\n"));
  EXPECT_THAT(text, HasSubstr("n_reconnects_total 62\n"));
  EXPECT_THAT(text, HasSubstr("n_publishes_pending 64\n"));
  EXPECT_THAT(text, HasSubstr("n_publish_retries_total 65\n"));
  EXPECT_THAT(text, HasSubstr("transport=\"memory\"} 1\n"));
}

TEST(BusFamiliesTest, SplitsThePoolByActorInsteadOfItsTotalsWhenAsked) {
  const std::string text = Render(SmallBus(), {.metric_namespace = "n", .per_actor = true});
  EXPECT_THAT(text, HasSubstr("n_actor_pool_messages_sent_total{actor_id=\"pool-actor-0\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("n_actor_pool_messages_sent_total{actor_id=\"pool-actor-1\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("{success=\"false\",actor_id=\"pool-actor-0\"} 15\n"));
  EXPECT_THAT(text, HasSubstr("n_actor_pool_inbox_utilization{actor_id=\"pool-actor-0\"} 0.5\n"));
  EXPECT_THAT(text, Not(HasSubstr("n_actor_pool_messages_sent_total 110\n")));
}

TEST(BusFamiliesTest, StaysWithinAboutTwoHundredSeriesHoweverManyTopics) {
  EXPECT_LE(SeriesIn(Render(LargeBus(5))).size(), 212U);
  EXPECT_LE(SeriesIn(Render(LargeBus(40))).size(), 243U);
  EXPECT_EQ(SeriesIn(Render(LargeBus(40))).size(), SeriesIn(Render(LargeBus(400))).size());
}

TEST(BusFamiliesTest, AddsFurtherTopicsUnderOther) {
  const std::string text = Render(LargeBus(12), {.metric_namespace = "n", .max_topics = 5});
  EXPECT_THAT(text, HasSubstr("n_published_total{topic=\"topic-4\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("topic-5")));
  EXPECT_THAT(text, HasSubstr("n_published_total{topic=\"other\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"other\",durable=\"other\"} 14\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_active{topic=\"other\",durable=\"other\"} 1\n"));
}

TEST(BusFamiliesTest, BoundsTheDurablesOfOneTopicToo) {
  BusStats stats = SmallBus();
  stats.subscriptions.clear();
  for (int i = 0; i < 50; ++i)
    stats.subscriptions.push_back({.topic = "t", .durable = "d" + std::to_string(i), .received = 1});
  const std::string text = Render(stats, {.metric_namespace = "n", .max_topics = 3});
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"t\",durable=\"d2\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"other\",durable=\"other\"} 47\n"));
}

TEST(BusFamiliesTest, AddsSubscriptionsThatShareTheirLabels) {
  BusStats stats = SmallBus();
  stats.subscriptions = {{.topic = "t", .received = 3, .active = true}, {.topic = "t", .received = 4, .active = false}};
  const std::string text = Render(stats, {.metric_namespace = "n"});
  EXPECT_THAT(text, HasSubstr("n_received_total{topic=\"t\",durable=\"\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("n_subscription_active{topic=\"t\",durable=\"\"} 0\n"));
}

TEST(BusFamiliesTest, NeverWritesASeriesTwice) {
  BusStats stats = LargeBus(12);
  stats.topics.insert(stats.topics.begin(), {.topic = "other", .published = 5});
  stats.subscriptions.insert(stats.subscriptions.begin(), {.topic = "other", .durable = "other", .received = 5});
  for (const bool per_actor : {false, true}) {
    const std::multiset<std::string> series = SeriesIn(Render(stats, {.per_actor = per_actor}));
    EXPECT_EQ(series.size(), std::set<std::string>(series.begin(), series.end()).size());
  }
}

TEST(BusFamiliesTest, SurvivesAnEmptySnapshot) {
  const std::string text = Render(BusStats{});
  EXPECT_THAT(text, HasSubstr("nats_eventbus__connected 0\n"));
  EXPECT_THAT(text, HasSubstr("nats_eventbus__actor_pool_inbox_utilization 0\n"));
}

TEST(BusFamiliesTest, EscapesWhatWouldBreakTheFormat) {
  BusStats stats = SmallBus();
  stats.client_id = "a\"}\nb 1";
  stats.topics = {{.topic = "x\"\n\\y", .published = 1}};
  const std::string text = Render(stats);
  EXPECT_THAT(text, HasSubstr("nats_eventbus_a___b_1_published_total{topic=\"x\\\"\\n\\\\y\"} 1\n"));
}

TEST(BusFamiliesTest, NamesTheOptionThatIsOutOfRange) {
  const auto refusal = [](const CollectorOptions& options) { return options.Validate().ToString(); };
  EXPECT_THAT(refusal({.metric_namespace = "1st"}), HasSubstr("metric_namespace"));
  EXPECT_THAT(refusal({.metric_namespace = "a-b"}), HasSubstr("metric_namespace"));
  EXPECT_THAT(refusal({.metric_namespace = "a\nb"}), HasSubstr("metric_namespace"));
  EXPECT_THAT(refusal({.metric_namespace = std::string(129, 'a')}), HasSubstr("metric_namespace"));
  EXPECT_THAT(refusal({.max_topics = 0}), HasSubstr("max_topics"));
  EXPECT_THAT(refusal({.max_topics = 1001}), HasSubstr("max_topics"));
  EXPECT_TRUE(CollectorOptions({.metric_namespace = std::string(128, 'a'), .max_topics = 1000}).Validate().ok());
}

}  // namespace
}  // namespace penstock::metrics
