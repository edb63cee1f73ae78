// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::demo {
namespace {

constexpr FaultOptions kNoFaults{.seed = 1, .fail_percent = 0, .throw_percent = 0};

const History& TwoPackages() {
  static const History kHistory = [] {
    HistoryBuilder builder;
    for (const char* line :
         {"2025-06-24 14:36:25 install a:all <none> 1", "2025-06-24 14:36:25 install b:all <none> 1",
          "2025-06-24 14:36:26 status unpacked a:all 1", "2025-06-24 14:36:27 status installed a:all 1"}) {
      builder.Add(line);
    }
    return builder.Take();
  }();
  return kHistory;
}

// Handles the events of these numbers in this order, each as a first attempt.
void HandleAll(Ledger& ledger, const std::vector<std::size_t>& numbers) {
  for (const std::size_t number : numbers) {
    ledger.Sent(number);
    EXPECT_EQ(ledger.Handle(ledger.MakeEnvelope(number), 1).kind(), Outcome::Kind::kAck);
  }
}

TEST(LedgerTest, MakesValidEnvelopesThatCarryTheirPlace) {
  const Ledger ledger(TwoPackages(), kNoFaults, 2);
  ASSERT_EQ(ledger.events(), 8U);
  EXPECT_EQ(ledger.aggregates(), 4U);
  const Envelope first = ledger.MakeEnvelope(2);
  EXPECT_EQ(first.aggregate_id, "a:all");
  EXPECT_EQ(first.event_type, "StatusChanged");
  EXPECT_EQ(first.attributes.at("sequence"), "2");
  EXPECT_EQ(first.payload, "2025-06-24 14:36:26 status unpacked a:all 1");
  const Envelope again = ledger.MakeEnvelope(6);
  EXPECT_EQ(again.aggregate_id, "a:all#2");
  EXPECT_EQ(again.attributes.at("sequence"), "2");
  EXPECT_NE(again.event_id, first.event_id);
  EXPECT_EQ(again.timestamp, first.timestamp);
  EXPECT_TRUE(again.Validate().ok());
}

TEST(LedgerTest, FoldsEveryRepetitionToTheExpectedStates) {
  Ledger ledger(TwoPackages(), kNoFaults, 2);
  HandleAll(ledger, {0, 1, 4, 2, 5, 6, 3, 7});
  const Tally tally = ledger.tally();
  EXPECT_EQ(tally.handled, 8U);
  EXPECT_EQ(tally.distinct, 8U);
  EXPECT_EQ(tally.order_violations, 0U);
  for (const std::size_t repetition : {0, 1}) {
    const std::vector<PackageState> states = ledger.States(repetition);
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0], TwoPackages().packages[0].expected);
    EXPECT_EQ(states[1], TwoPackages().packages[1].expected);
  }
  EXPECT_GT(ledger.latency().Quantile(0.5).count(), 0);
}

TEST(LedgerTest, CountsEventsThatOvertakeAndThatWereOvertaken) {
  Ledger ledger(TwoPackages(), kNoFaults, 1);
  HandleAll(ledger, {0, 3, 2, 1});
  EXPECT_EQ(ledger.tally().order_violations, 2U);
  EXPECT_EQ(ledger.tally().distinct, 4U);
  EXPECT_NE(ledger.States(0)[0], TwoPackages().packages[0].expected);
}

TEST(LedgerTest, CountsALostEventAsDisorderToo) {
  Ledger ledger(TwoPackages(), kNoFaults, 1);
  HandleAll(ledger, {0, 3, 1});
  EXPECT_EQ(ledger.tally().order_violations, 1U);
  EXPECT_EQ(ledger.tally().distinct, 3U);
}

TEST(LedgerTest, FoldsAnEventThatComesTwiceOnce) {
  Ledger ledger(TwoPackages(), kNoFaults, 1);
  HandleAll(ledger, {0, 2, 2, 0, 3, 1});
  const Tally tally = ledger.tally();
  EXPECT_EQ(tally.handled, 6U);
  EXPECT_EQ(tally.distinct, 4U);
  EXPECT_EQ(tally.handled_twice, 2U);
  EXPECT_EQ(tally.order_violations, 0U);
  EXPECT_EQ(ledger.States(0)[0], TwoPackages().packages[0].expected);
}

TEST(LedgerTest, FailsAndThrowsByPlanAndHandlesTheRetry) {
  constexpr FaultOptions kMany{.seed = 3, .fail_percent = 40, .throw_percent = 40};
  Ledger ledger(TwoPackages(), kMany, 25);
  for (std::size_t number = 0; number < ledger.events(); ++number) {
    bool acknowledged = false;
    for (std::uint64_t attempt = 1; !acknowledged && attempt <= 3; ++attempt) {
      try {
        acknowledged = ledger.Handle(ledger.MakeEnvelope(number), attempt).kind() == Outcome::Kind::kAck;
      } catch (const InjectedFault&) {
      }
    }
    EXPECT_TRUE(acknowledged) << number;
  }
  const Tally tally = ledger.tally();
  EXPECT_EQ(tally.distinct, ledger.events());
  EXPECT_EQ(tally.order_violations, 0U);
  EXPECT_GT(tally.failed, 20U);
  EXPECT_GT(tally.thrown, 20U);
  EXPECT_EQ(tally.retried, tally.failed + tally.thrown);
}

TEST(LedgerTest, RejectsEnvelopesOfOthers) {
  Ledger ledger(TwoPackages(), kNoFaults, 1);
  const auto rejects = [&](auto&& change) {
    Envelope envelope = ledger.MakeEnvelope(0);
    change(envelope);
    return ledger.Handle(envelope, 1).kind() == Outcome::Kind::kReject;
  };
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.event_id = "x"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.event_id = "dpkg-"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.event_id = "dpkg-4"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.event_id = "dpkg-99999999999999999999"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.aggregate_id = "a:all#2"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.attributes.clear(); }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.attributes["sequence"] = "0"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.attributes["sequence"] = "4"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.attributes["sequence"] = "-1"; }));
  EXPECT_TRUE(rejects([](Envelope& envelope) { envelope.payload = "garbled"; }));
  EXPECT_EQ(ledger.tally().foreign, 10U);
  EXPECT_EQ(ledger.tally().handled, 0U);
}

}  // namespace
}  // namespace penstock::demo
