// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/expiry.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using Kind = HandlerResult::Kind;

constexpr std::chrono::system_clock::time_point kStored{std::chrono::hours{1}};

TEST(ExpiryTest, NothingIsTooOldWithoutALimit) {
  EXPECT_FALSE(CanExpire({}, {.stored_at = kStored}));
  EXPECT_FALSE(ResultIfExpired({}, {.stored_at = kStored}, kStored + std::chrono::hours{1}));
}

TEST(ExpiryTest, AnEventMayBeAsOldAsTheLimitAndNotOlder) {
  const Expiry expiry{.max_age = milliseconds{10}};
  EXPECT_FALSE(ResultIfExpired(expiry, {.stored_at = kStored}, kStored + milliseconds{10}));
  const auto expired = ResultIfExpired(expiry, {.stored_at = kStored}, kStored + milliseconds{11});
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->kind, Kind::kExpired);
  EXPECT_EQ(expired->reason, "it was too old when its turn came");
}

TEST(ExpiryTest, AnEventExpiresAtItsOwnTimeWhateverTheLimitIs) {
  const Age age{.stored_at = kStored, .expires_at = kStored + milliseconds{5}};
  EXPECT_TRUE(CanExpire({}, age));
  EXPECT_FALSE(ResultIfExpired({.fate = WhenExpired::kDrop}, age, kStored + milliseconds{4}));
  const auto expired = ResultIfExpired({.fate = WhenExpired::kDrop}, age, kStored + milliseconds{5});
  ASSERT_TRUE(expired);
  EXPECT_EQ(expired->kind, Kind::kDropped);
}

TEST(ExpiryTest, WhereKeysBlockAnEventThatIsTooOldIsDroppedSinceItWouldBlockItsKeyForEver) {
  EXPECT_EQ(ExpiryOf({.after_dead_letter = AfterDeadLetter::kBlock}).fate, WhenExpired::kDrop);
  EXPECT_EQ(ExpiryOf({}).fate, WhenExpired::kDeadLetter);
  EXPECT_EQ(ExpiryOf({.max_age = milliseconds{7}, .when_expired = WhenExpired::kDrop}).max_age, milliseconds{7});
}

TEST(ExpiryTest, ARedrivenEventNeverExpires) {
  const Age age{.stored_at = kStored, .expires_at = kStored, .redriven = true};
  EXPECT_FALSE(CanExpire({.max_age = milliseconds{1}}, age));
  EXPECT_FALSE(ResultIfExpired({.max_age = milliseconds{1}}, age, kStored + milliseconds{9}));
}

}  // namespace
}  // namespace penstock::eventbus
