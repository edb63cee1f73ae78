// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/outside_changes.h"

#include <gmock/gmock.h>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(OutsideChangesTest, LooksSoonAfterASynchronisationAndThenRegularly) {
  OutsideChanges changes;
  OutsideChanges::Time now{std::chrono::seconds(1000)};
  changes.Restart(now);
  EXPECT_FALSE(changes.Due(now));
  now += OutsideChanges::kFirst;
  EXPECT_TRUE(changes.Due(now));
  EXPECT_FALSE(changes.Due(now));
  EXPECT_FALSE(changes.Due(now + OutsideChanges::kEvery - milliseconds(1)));
  now += OutsideChanges::kEvery;
  EXPECT_TRUE(changes.Due(now));
  changes.Failed(now);
  EXPECT_TRUE(changes.Due(now + OutsideChanges::kFirst)) << "sooner after one without an answer";
}

TEST(OutsideChangesTest, APauseIsSaidWhenItBeginsChangesAndEnds) {
  OutsideChanges changes;
  EXPECT_THAT(changes.Saw({.paused_until = "later"}), ElementsAre(HasSubstr("nothing comes before later")));
  EXPECT_THAT(changes.Saw({.paused_until = "later"}), IsEmpty());
  EXPECT_THAT(changes.Saw({.paused_until = "much later"}), ElementsAre(HasSubstr("much later")));
  EXPECT_THAT(changes.Saw({}), ElementsAre(HasSubstr("paused no longer")));
}

TEST(OutsideChangesTest, EventsThatWereToFollowAndAreGoneAreSaidOnce) {
  OutsideChanges changes;
  EXPECT_THAT(
      changes.Saw({.first_sequence = 1, .delivered = 10, .undelivered = 40, .highest_here = 10, .followed_by = 40}),
      IsEmpty());
  // The server counts as delivered what it purged.
  const OutsideChanges::Sight purged = {
      .first_sequence = 51, .delivered = 50, .undelivered = 0, .highest_here = 10, .followed_by = 40};
  EXPECT_THAT(changes.Saw(purged), ElementsAre(HasSubstr("begins with message 51")));
  EXPECT_THAT(changes.Saw(purged), IsEmpty());
}

TEST(OutsideChangesTest, WhatOthersThatShareTheConsumerHaveIsNotGone) {
  OutsideChanges changes;
  changes.Saw({.first_sequence = 1, .delivered = 30, .undelivered = 0, .highest_here = 10, .followed_by = 40});
  EXPECT_THAT(changes.Saw({.first_sequence = 31, .delivered = 30, .highest_here = 10, .followed_by = 40}), IsEmpty());
}

TEST(OutsideChangesTest, WhatWasHandledMayGo) {
  OutsideChanges changes;
  changes.Saw({.first_sequence = 1, .delivered = 10, .highest_here = 10});
  EXPECT_THAT(changes.Saw({.first_sequence = 11, .delivered = 10, .highest_here = 10}), IsEmpty());
  EXPECT_THAT(changes.Saw({.first_sequence = 500, .delivered = 499, .highest_here = 10}), IsEmpty())
      << "they were not for this consumer";
}

TEST(OutsideChangesTest, WhatIsInHandAndGoneIsSaid) {
  OutsideChanges changes;
  changes.Saw({.first_sequence = 1, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5});
  EXPECT_THAT(changes.Saw({.first_sequence = 5, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5}), IsEmpty());
  EXPECT_THAT(changes.Saw({.first_sequence = 6, .delivered = 10, .highest_here = 10, .lowest_in_hand = 5}),
              ElementsAre(HasSubstr("gone")));
}

TEST(OutsideChangesTest, AnotherStreamBeginsAnew) {
  OutsideChanges changes;
  changes.Saw({.first_sequence = 10, .delivered = 20, .undelivered = 5, .highest_here = 20, .followed_by = 5});
  changes.Forget();
  EXPECT_THAT(changes.Saw({.first_sequence = 1, .delivered = 0}), IsEmpty());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
