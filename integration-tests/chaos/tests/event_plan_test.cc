// SPDX-License-Identifier: Apache-2.0
#include "chaos/event_plan.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace penstock::chaos {
namespace {

TEST(EventPlanTest, NumbersEachKeysEventsWithoutGaps) {
  std::map<std::uint32_t, std::uint32_t> last;
  const EventPlan plan(3, 20'000);
  for (const EventRef event : plan.events()) EXPECT_EQ(event.n, ++last[event.key]);
  EXPECT_EQ(plan.events().size(), 20'000u);
  EXPECT_LT(last.rbegin()->first, EventPlan::kKeys);
}

TEST(EventPlanTest, DrawsKeysByZipf) {
  std::map<std::uint32_t, int> counts;
  const EventPlan plan(1, 100'000);
  for (const EventRef event : plan.events()) ++counts[event.key];
  EXPECT_NEAR(counts[0], 12'230, 600);  // 1 of the sum over 1/k for 2,000 keys, which is 8.178
  EXPECT_NEAR(counts[9], 1223, 200);
  EXPECT_GT(counts.size(), 1900u);
}

TEST(EventPlanTest, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const EventPlan plan(5, 1000), same(5, 1000), other(6, 1000);
  EXPECT_EQ(plan.events(), same.events());
  EXPECT_NE(plan.events(), other.events());
}

TEST(EventPlanTest, MayBeEmpty) {
  const EventPlan plan(1, 0);
  EXPECT_TRUE(plan.events().empty());
  EXPECT_EQ(plan.PoisonCount(), 0u);
}

TEST(EventPlanTest, ReadsThePayloadsItWrites) {
  for (const EventRef event : {EventRef{0, 1}, EventRef{1999, 4'000'000'000}}) {
    EXPECT_EQ(ReadPayload(9, Payload(9, event)), event);
  }
}

TEST(EventPlanTest, RefusesPayloadsOfOthers) {
  const std::string good = Payload(9, {3, 4});
  EXPECT_FALSE(ReadPayload(8, good)) << "another seed";
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(ReadPayload(9, changed)) << changed;
    EXPECT_FALSE(ReadPayload(9, good.substr(0, i))) << i;
  }
  EXPECT_FALSE(ReadPayload(9, good + "0"));
  EXPECT_FALSE(ReadPayload(9, "chaos 99999999999 1 1"));
  EXPECT_FALSE(ReadPayload(9, Payload(9, {EventPlan::kKeys, 1}))) << "no such key";
  EXPECT_FALSE(ReadPayload(9, Payload(9, {1, 0}))) << "numbers begin with 1";
}

TEST(EventPlanTest, GivesEachEventAnIdOfItsOwn) {
  std::set<std::string> ids;
  const EventPlan plan(2, 5000);
  for (const EventRef event : plan.events()) ids.insert(EventId(2, event));
  EXPECT_EQ(ids.size(), 5000u);
}

TEST(EventPlanTest, MisbehavesAsOftenAsItSays) {
  std::map<Behaviour, int> first;
  const EventPlan plan(4, 100'000);
  for (const EventRef event : plan.events()) ++first[BehaviourAt(4, event, 1)];
  EXPECT_NEAR(first[Behaviour::kSlow], 1000, 150);
  EXPECT_NEAR(first[Behaviour::kFail], 1000, 150);
  EXPECT_NEAR(first[Behaviour::kThrow], 200, 70);
  EXPECT_NEAR(first[Behaviour::kReject], 20, 18);
  EXPECT_EQ(plan.PoisonCount(), static_cast<std::size_t>(first[Behaviour::kReject]));
}

TEST(EventPlanTest, FailsTwiceAtMostAndRejectsForEver) {
  int second = 0;
  const EventPlan plan(4, 100'000);
  for (const EventRef event : plan.events()) {
    const Behaviour once = BehaviourAt(4, event, 1);
    const Behaviour twice = BehaviourAt(4, event, 2);
    const Behaviour thrice = BehaviourAt(4, event, 3);
    if (once == Behaviour::kReject) {
      EXPECT_EQ(thrice, Behaviour::kReject);
      continue;
    }
    EXPECT_TRUE(thrice == Behaviour::kHandle || thrice == Behaviour::kSlow);
    second += twice == Behaviour::kFail || twice == Behaviour::kThrow;
  }
  EXPECT_NEAR(second, 300, 80);
}

TEST(EventPlanTest, TakesTwoToTwentyMilliseconds) {
  std::set<std::int64_t> times;
  const EventPlan plan(1, 5000);
  for (const EventRef event : plan.events()) times.insert(SlowTime(1, event).count());
  EXPECT_EQ(*times.begin(), 2);
  EXPECT_EQ(*times.rbegin(), 20);
}

// The peers' programs draw the same events: their own test reads the same file.
TEST(EventPlanTest, IsWhatThePeersAreTestedWith) {
  std::ifstream file(CHAOS_PEERS_VECTORS);
  std::string line;
  std::map<std::uint64_t, EventPlan> plans;
  int vectors = 0;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::uint64_t seed = 0;
    std::size_t place = 0;
    EventRef event;
    std::string behaviours;
    int slow_ms = 0;
    fields >> seed >> place >> event.key >> event.n >> behaviours >> slow_ms >> std::ws;
    std::string payload;
    std::getline(fields, payload);
    const EventPlan& plan = plans.try_emplace(seed, seed, 40'000).first->second;
    EXPECT_EQ(plan.events().at(place), event) << line;
    for (std::size_t i = 0; i < behaviours.size(); ++i) {
      EXPECT_EQ(static_cast<int>(BehaviourAt(seed, event, i + 1)), behaviours[i] - '0') << line;
    }
    EXPECT_EQ(SlowTime(seed, event).count(), slow_ms) << line;
    EXPECT_EQ(ReadPayload(seed, payload), event) << line;
    ++vectors;
  }
  EXPECT_GE(vectors, 40);
}

}  // namespace
}  // namespace penstock::chaos
