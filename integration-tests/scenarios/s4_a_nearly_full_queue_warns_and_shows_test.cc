// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "penstock/metrics/exposition.h"
#include "penstock/metrics/stream_collector.h"
#include "scenarios/stream_scenario.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ANearlyFullQueueWarnsAndShows : public StreamScenario {
 protected:
  /// Stream "orders", whose first message has begun and waits for the gate.
  void Block(const actorpool::StreamOptions& options) {
    ASSERT_THAT(registry_->Register("orders", LoggingBehindGate("orders"), options), IsOk());
    Dispatch(1);
    ASSERT_TRUE(Eventually([&] { return registry_->Stats().total.running == 1; }, kPatience));
  }

  void Dispatch(int messages) {
    for (int i = 0; i < messages; ++i) ASSERT_THAT(registry_->Dispatch("orders", "x"), IsOk());
  }

  std::string Scrape() {
    auto collector = metrics::StreamCollector::Create([this] { return registry_->Stats(); });
    EXPECT_THAT(collector, IsOk());
    return metrics::RenderText((*collector)->Collect());
  }

  void ExpectMetric(const std::string& name, int value) {
    EXPECT_THAT(Scrape(), HasSubstr("penstock_stream_registry_" + name + "{registry=\"streams\"} " +
                                    std::to_string(value) + "\n"));
  }
};

TEST_F(ANearlyFullQueueWarnsAndShows, OncePerRiseAndAgainAfterItFell) {
  Block({.capacity = 100, .near_full_from = 0.8, .near_full_until = 0.5});
  Dispatch(79);
  EXPECT_THAT(Lines(), IsEmpty());
  ExpectMetric("streams_near_full", 0);
  Dispatch(21);
  ASSERT_THAT(Lines(), SizeIs(1));
  EXPECT_THAT(Lines()[0], HasSubstr("stream \"orders\" of registry \"streams\": its queue is nearly full, 80 of 100"));
  ExpectMetric("streams_near_full", 1);
  ExpectMetric("queue_depth", 100);

  gate_.Open();
  ASSERT_TRUE(Reaches(101));
  EXPECT_TRUE(Eventually([&] { return registry_->Stats().total.near_full == 0; }, kPatience));
  ExpectMetric("streams_near_full", 0);
  ExpectMetric("near_full_total", 1);
}

TEST_F(ANearlyFullQueueWarnsAndShows, AndAFullOneRefusesOrMakesItsProducerWait) {
  Block({.capacity = 10});
  Dispatch(10);
  std::string refused = "refused";
  EXPECT_THAT(Offer("orders", refused), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("its queue is full")));
  EXPECT_EQ(refused, "refused") << "it is left as it was";
  ExpectMetric("messages_refused_total", 1);
  std::jthread producer([&] { EXPECT_THAT(Offer("orders", refused, kPatience), IsOk()); });
  gate_.Open();
  producer.join();
  ASSERT_TRUE(Reaches(12));
  EXPECT_EQ(Handled("orders").back(), "refused");
}

TEST_F(ANearlyFullQueueWarnsAndShows, ExceptWhereItHasNoBound) {
  Block({.capacity = actorpool::StreamOptions::kUnbounded});
  Dispatch(50'000);
  EXPECT_THAT(Lines(), IsEmpty());
  ExpectMetric("queue_depth", 50'000);
  ExpectMetric("streams_near_full", 0);
  gate_.Open();
  EXPECT_TRUE(Reaches(50'001));
}

}  // namespace
}  // namespace penstock::testing
