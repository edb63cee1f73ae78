// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_plan.h"

#include <gtest/gtest.h>

#include <map>

namespace penstock::chaos {
namespace {

constexpr std::size_t kEvents = 100'000;

TEST(TaskPlanTest, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const TaskPlan plan(7, kEvents, 6), same(7, kEvents, 6), other(8, kEvents, 6);
  ASSERT_EQ(plan.tasks().size(), same.tasks().size());
  bool differs = plan.tasks().size() != other.tasks().size();
  for (std::size_t i = 0; i < plan.tasks().size(); ++i) {
    EXPECT_EQ(plan.tasks()[i].event, same.tasks()[i].event);
    EXPECT_EQ(plan.tasks()[i].delay, same.tasks()[i].delay);
    differs = differs || !(plan.tasks()[i].event == other.tasks()[i].event);
  }
  EXPECT_TRUE(differs);
}

TEST(TaskPlanTest, HasItsShareOfTheEventsHalfOfThemDelayed) {
  const TaskPlan plan(7, kEvents, 6);
  EXPECT_NEAR(static_cast<double>(plan.tasks().size()), 6000, 600);
  std::size_t delayed = 0, awaited = 0;
  for (const Task& task : plan.tasks()) {
    if (task.delay.count() != 0) ++delayed;
    if (task.awaited) ++awaited;
    EXPECT_TRUE(task.delay.count() == 0 || (task.delay.count() >= 100 && task.delay.count() < 4000));
  }
  EXPECT_NEAR(static_cast<double>(delayed), static_cast<double>(plan.tasks().size()) / 2, 300);
  EXPECT_NEAR(static_cast<double>(awaited), static_cast<double>(plan.tasks().size()) / 5, 300);
  const TaskPlan none(7, kEvents, 0);
  EXPECT_TRUE(none.tasks().empty());
}

TEST(TaskPlanTest, NumbersTheTasksOfAKeyInTheOrderOfTheirPlaces) {
  const TaskPlan plan(7, kEvents, 6);
  std::map<std::uint32_t, std::uint32_t> latest;
  std::size_t position = 0;
  for (const Task& task : plan.tasks()) {
    EXPECT_LT(task.event.key, TaskPlan::kKeys);
    EXPECT_EQ(task.event.n, ++latest[task.event.key]);
    EXPECT_GT(task.position, position);
    position = task.position;
  }
  EXPECT_LE(position, kEvents);
}

}  // namespace
}  // namespace penstock::chaos
