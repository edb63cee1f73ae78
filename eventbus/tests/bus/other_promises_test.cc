// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/other_promises.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kSince{std::chrono::hours(1)};

class OtherPromisesTest : public testing::Test {
 protected:
  bool MayHave(TimePoint delivered, TimePoint since = kSince) {
    item_.Delivered(delivered);
    return OthersMayHavePromised(item_, since);
  }
  bool Ours(TimePoint delivered, TimePoint since = kSince) {
    item_.Delivered(delivered);
    return IsOurs(item_, since);
  }

  InFlightMessage item_{};
};

TEST_F(OtherPromisesTest, AreKnownByTheWatchAsARule) {
  EXPECT_FALSE(MayHave(kSince + seconds(5)));
  EXPECT_FALSE(MayHave(kSince, TimePoint{})) << "a transport that is never interrupted";
}

TEST_F(OtherPromisesTest, MayBeUnknownOfWhatCameBeforeAnInterruption) {
  EXPECT_TRUE(MayHave(kSince - seconds(60)));
  EXPECT_TRUE(MayHave(kSince, TimePoint::max())) << "it is not over";
}

TEST_F(OtherPromisesTest, MayBeUnknownOfWhatAnotherProcessHadUntilItWasTriedHere) {
  item_.deliveries_before = 1;
  EXPECT_TRUE(MayHave(kSince + seconds(5)));
  item_.failures = 1;
  EXPECT_FALSE(MayHave(kSince + seconds(5)));
}

TEST_F(OtherPromisesTest, MayBeUnknownForAWhileAfterAProcessBeganToReceive) {
  EXPECT_TRUE(MayHave(kSince));
  EXPECT_TRUE(MayHave(kSince + milliseconds(4999)));
}

TEST_F(OtherPromisesTest, AMessageIsOursWhileWeReceiveWithoutInterruption) {
  EXPECT_TRUE(Ours(kSince));
  EXPECT_FALSE(Ours(kSince - milliseconds(1))) << "the server may have lost that we have it";
  EXPECT_FALSE(Ours(kSince, TimePoint::max()));
  item_.ownership_lost = true;
  EXPECT_FALSE(Ours(kSince));
}

}  // namespace
}  // namespace penstock::eventbus
