// SPDX-License-Identifier: Apache-2.0
#include "faults.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>

namespace penstock::demo {
namespace {

struct Counts {
  std::size_t fails = 0;
  std::size_t throws = 0;
};

Counts CountAt(const FaultPlan& plan, std::size_t events, std::uint64_t attempt) {
  Counts counts;
  for (std::size_t event = 0; event < events; ++event) {
    const Fault fault = plan.At(event, attempt);
    counts.fails += fault == Fault::kFail;
    counts.throws += fault == Fault::kThrow;
  }
  return counts;
}

TEST(FaultPlanTest, HitsTheSharesAskedFor) {
  constexpr std::size_t kEvents = 200'000;
  const Counts counts = CountAt(FaultPlan({.seed = 7, .fail_percent = 1.0, .throw_percent = 0.2}, kEvents), kEvents, 1);
  EXPECT_NEAR(static_cast<double>(counts.fails), 2000, 200);
  EXPECT_NEAR(static_cast<double>(counts.throws), 400, 80);
}

TEST(FaultPlanTest, FailsSomeTwiceAndNoneAThirdTime) {
  constexpr std::size_t kEvents = 100'000;
  const FaultPlan plan({.seed = 7, .fail_percent = 4, .throw_percent = 4}, kEvents);
  const Counts second = CountAt(plan, kEvents, 2);
  EXPECT_NEAR(static_cast<double>(second.fails), 1000, 150);
  EXPECT_NEAR(static_cast<double>(second.throws), 1000, 150);
  EXPECT_EQ(CountAt(plan, kEvents, 3).fails + CountAt(plan, kEvents, 3).throws, 0U);
  for (std::size_t event = 0; event < kEvents; ++event) {
    if (plan.At(event, 2) != Fault::kNone) {
      EXPECT_EQ(plan.At(event, 1), plan.At(event, 2));
    }
  }
}

TEST(FaultPlanTest, IsTheSameForTheSameSeedAndAnotherForAnother) {
  constexpr std::size_t kEvents = 10'000;
  const FaultPlan one({.seed = 1}, kEvents);
  const FaultPlan same({.seed = 1}, kEvents);
  const FaultPlan other({.seed = 2}, kEvents);
  std::size_t differing = 0;
  for (std::size_t event = 0; event < kEvents; ++event) {
    EXPECT_EQ(one.At(event, 1), same.At(event, 1));
    differing += one.At(event, 1) != other.At(event, 1);
  }
  EXPECT_GT(differing, 100U);
}

TEST(FaultPlanTest, HitsAtLeastOneEventOfEachKindAskedFor) {
  for (std::size_t events = 2; events < 50; ++events) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const Counts counts = CountAt(FaultPlan({.seed = seed}, events), events, 1);
      EXPECT_GE(counts.fails, 1U) << events << " events, seed " << seed;
      EXPECT_GE(counts.throws, 1U) << events << " events, seed " << seed;
    }
  }
}

TEST(FaultPlanTest, HitsNothingWhereNothingWasAskedFor) {
  const Counts counts = CountAt(FaultPlan({.seed = 1, .fail_percent = 0, .throw_percent = 0}, 1000), 1000, 1);
  EXPECT_EQ(counts.fails + counts.throws, 0U);
}

TEST(FaultPlanTest, MakesDoWithOneEventAndWithNone) {
  EXPECT_EQ(CountAt(FaultPlan({.seed = 1}, 1), 1, 1).throws, 1U);
  EXPECT_EQ(FaultPlan({.seed = 1, .fail_percent = 0, .throw_percent = 0}, 0).At(0, 1), Fault::kNone);
}

}  // namespace
}  // namespace penstock::demo
