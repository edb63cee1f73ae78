// SPDX-License-Identifier: Apache-2.0
#include "cron/tick_plan.h"

#include <gmock/gmock.h>

#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CronLine::Time At(const std::string& text) { return *ParseTimestamp(text); }

class TickPlanTest : public testing::Test {
 protected:
  TickPlan Plan(const std::optional<TickMark>& mark, const std::string& now, MissedTicks missed = MissedTicks::kSkip) {
    options_.missed = missed;
    return PlanTicks(*CronLine::Parse(options_.cron, "UTC"), options_, mark, At(now));
  }
  TickMark Mark(const std::string& last) const { return {.cron = options_.cron, .time_zone = "UTC", .last = At(last)}; }
  PeriodicOptions options_{.name = "n", .cron = "0 * * * *"};
};

TEST_F(TickPlanTest, StoresTheNextTickAhead) {
  EXPECT_THAT(Plan(std::nullopt, "2026-11-30T10:20:00Z").ticks, ElementsAre(At("2026-11-30T11:00:00Z")));
  const auto mark = Mark("2026-11-30T11:00:00Z");
  EXPECT_THAT(Plan(mark, "2026-11-30T10:59:59Z").ticks, IsEmpty());
  EXPECT_THAT(Plan(mark, "2026-11-30T11:00:00Z").ticks, ElementsAre(At("2026-11-30T12:00:00Z")));
}

TEST_F(TickPlanTest, MissedTicksAreSkippedOrMadeUpFor) {
  const auto mark = Mark("2026-11-30T08:00:00Z");
  const std::string now = "2026-11-30T10:20:00Z";
  const auto nine = At("2026-11-30T09:00:00Z"), ten = At("2026-11-30T10:00:00Z"), eleven = At("2026-11-30T11:00:00Z");
  EXPECT_THAT(Plan(mark, now, MissedTicks::kSkip).ticks, ElementsAre(eleven));
  EXPECT_THAT(Plan(mark, now, MissedTicks::kOnce).ticks, ElementsAre(ten, eleven));
  EXPECT_THAT(Plan(mark, now, MissedTicks::kAll).ticks, ElementsAre(nine, ten, eleven));
}

TEST_F(TickPlanTest, MakesUpForManyInParts) {
  const auto mark = Mark("2026-11-01T00:00:00Z");
  const auto plan = Plan(mark, "2026-11-30T10:20:00Z", MissedTicks::kAll);
  ASSERT_EQ(plan.ticks.size(), kMostTicks);
  auto next = mark;
  next.last = plan.ticks.back();
  EXPECT_EQ(Plan(next, "2026-11-30T10:20:00Z", MissedTicks::kAll).ticks.front(), next.last + std::chrono::hours(1));
}

TEST_F(TickPlanTest, AnotherScheduleBeginsAnewAndCallsTheOldTickOff) {
  const auto mark = Mark("2027-01-01T00:00:00Z");
  options_.cron = "*/5 * * * *";
  const auto plan = Plan(mark, "2026-11-30T10:20:00Z");
  EXPECT_THAT(plan.ticks, ElementsAre(At("2026-11-30T10:25:00Z")));
  EXPECT_EQ(plan.called_off, mark.last);
}

TEST_F(TickPlanTest, MarksAreReadAsTheyAreWritten) {
  const auto mark = Mark("2026-11-30T10:00:00Z");
  const auto read = TickMark::Read(mark.Written());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cron, mark.cron);
  EXPECT_EQ(read->time_zone, "UTC");
  EXPECT_EQ(read->last, mark.last);
  for (const char* broken : {"", "x", "2026-11-30T10:00:00Z", "soon\nUTC\n* * * * *"})
    EXPECT_FALSE(TickMark::Read(broken));
}

}  // namespace
}  // namespace penstock::eventbus
