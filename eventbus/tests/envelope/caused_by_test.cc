// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "penstock/eventbus/envelope.h"

namespace penstock {
namespace {

const Envelope kCause{.event_id = "e-1",
                      .aggregate_id = "o-42",
                      .event_type = "OrderPlaced",
                      .trace_id = "trace",
                      .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                      .correlation_id = "checkout-7",
                      .causation_id = "e-0",
                      .tenant_id = 9,
                      .payload = "{}",
                      .attributes = {{"a", "b"}}};

TEST(CausedByTest, FillsInWhereTheEventComesFrom) {
  const Envelope effect = CausedBy(kCause, {.aggregate_id = "s-1", .event_type = "ShipmentRequested", .payload = "1"});
  Envelope expected{.aggregate_id = "s-1", .event_type = "ShipmentRequested", .payload = "1"};
  expected.causation_id = "e-1";
  expected.correlation_id = "checkout-7";
  expected.trace_id = kCause.trace_id;
  expected.traceparent = kCause.traceparent;
  expected.tenant_id = 9;
  EXPECT_EQ(effect, expected);
}

TEST(CausedByTest, LeavesWhatIsSetAlone) {
  const Envelope set{.trace_id = "t", .traceparent = "p", .correlation_id = "c", .causation_id = "d", .tenant_id = 1};
  EXPECT_EQ(CausedBy(kCause, set), set);
}

TEST(CausedByTest, AnEventWithoutACorrelationBeginsOne) {
  Envelope first = kCause;
  first.correlation_id.clear();
  EXPECT_EQ(CausedBy(first, {}).correlation_id, "e-1");
  EXPECT_EQ(CausedBy(CausedBy(first, {.event_id = "e-2"}), {}).correlation_id, "e-1");
}

// As Python's uuid.uuid5 makes them.
TEST(DerivedEventIdTest, IsTheUuidThatOtherLanguagesMake) {
  EXPECT_EQ(DerivedEventId("e-1", "shipment"), "aa702dc4-8f94-5498-b1bf-f5eb29fd8152");
}

TEST(DerivedEventIdTest, DiffersByEventAndPurpose) {
  std::set<std::string> ids;
  for (const char* event : {"e-1", "e-2", ""}) {
    for (const char* purpose : {"shipment", "invoice", ""}) ids.insert(DerivedEventId(event, purpose));
  }
  EXPECT_EQ(ids.size(), 9u);
  EXPECT_TRUE((Envelope{.event_id = *ids.begin(), .aggregate_id = "a", .event_type = "T"}.Validate().ok()));
}

}  // namespace
}  // namespace penstock
