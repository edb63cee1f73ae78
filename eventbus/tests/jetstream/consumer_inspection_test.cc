// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/consumer_inspection.h"

#include <gmock/gmock.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ConsumerInspectionTest, LooksSoonAfterASynchronisationAndThenRegularly) {
  ConsumerInspection inspection;
  ConsumerInspection::Time now{std::chrono::seconds(1000)};
  inspection.Restart(now);
  EXPECT_FALSE(inspection.Due(now));
  now += ConsumerInspection::kFirst;
  EXPECT_TRUE(inspection.Due(now));
  EXPECT_FALSE(inspection.Due(now));
  EXPECT_FALSE(inspection.Due(now + ConsumerInspection::kEvery - milliseconds(1)));
  now += ConsumerInspection::kEvery;
  EXPECT_TRUE(inspection.Due(now));
  inspection.Failed(now);
  EXPECT_TRUE(inspection.Due(now + ConsumerInspection::kFirst)) << "sooner after one without an answer";
}

TEST(ConsumerInspectionTest, APauseIsSaidWhenItBeginsChangesAndEnds) {
  ConsumerInspection inspection;
  EXPECT_THAT(inspection.Saw({.paused_until = "later"}), ElementsAre(HasSubstr("nothing comes before later")));
  EXPECT_THAT(inspection.Saw({.paused_until = "later"}), IsEmpty());
  EXPECT_THAT(inspection.Saw({.paused_until = "much later"}), ElementsAre(HasSubstr("much later")));
  EXPECT_THAT(inspection.Saw({}), ElementsAre(HasSubstr("paused no longer")));
}

TEST(ConsumerInspectionTest, EventsThatWereToFollowAndAreGoneAreSaidOnce) {
  ConsumerInspection inspection;
  EXPECT_THAT(
      inspection.Saw({.first_sequence = 1, .delivered = 10, .undelivered = 40, .highest_here = 10, .followed_by = 40}),
      IsEmpty());
  // The server counts as delivered what it purged.
  const ConsumerInspection::Sight purged = {
      .first_sequence = 51, .delivered = 50, .undelivered = 0, .highest_here = 10, .followed_by = 40};
  EXPECT_THAT(inspection.Saw(purged), ElementsAre(HasSubstr("begins with message 51")));
  EXPECT_THAT(inspection.Saw(purged), IsEmpty());
}

TEST(ConsumerInspectionTest, WhatOthersThatShareTheConsumerHaveIsNotGone) {
  ConsumerInspection inspection;
  inspection.Saw({.first_sequence = 1, .delivered = 30, .undelivered = 0, .highest_here = 10, .followed_by = 40});
  EXPECT_THAT(inspection.Saw({.first_sequence = 31, .delivered = 30, .highest_here = 10, .followed_by = 40}),
              IsEmpty());
}

TEST(ConsumerInspectionTest, WhatWasHandledMayGo) {
  ConsumerInspection inspection;
  inspection.Saw({.first_sequence = 1, .delivered = 10, .highest_here = 10});
  EXPECT_THAT(inspection.Saw({.first_sequence = 11, .delivered = 10, .highest_here = 10}), IsEmpty());
  EXPECT_THAT(inspection.Saw({.first_sequence = 500, .delivered = 499, .highest_here = 10}), IsEmpty())
      << "they were not for this consumer";
}

TEST(ConsumerInspectionTest, WhatIsInHandAndGoneIsSaid) {
  ConsumerInspection inspection;
  inspection.Saw({.first_sequence = 1, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5});
  EXPECT_THAT(inspection.Saw({.first_sequence = 5, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5}),
              IsEmpty());
  EXPECT_THAT(inspection.Saw({.first_sequence = 6, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5}),
              ElementsAre(HasSubstr("gone")));
}

TEST(ConsumerInspectionTest, AnotherStreamBeginsAnew) {
  ConsumerInspection inspection;
  inspection.Saw({.first_sequence = 10, .delivered = 20, .undelivered = 5, .highest_here = 20, .followed_by = 5});
  inspection.Forget();
  EXPECT_THAT(inspection.Saw({.first_sequence = 1, .delivered = 0}), IsEmpty());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
