// SPDX-License-Identifier: Apache-2.0
#include "supervision/restart_window.h"

#include "gtest/gtest.h"

namespace penstock::actorpool {
namespace {

using std::chrono::milliseconds;

RestartPolicy Policy() {
  return {.max_restarts = 5,
          .window = milliseconds(1000),
          .min_backoff = milliseconds(10),
          .max_backoff = milliseconds(50),
          .suspension = milliseconds(700)};
}

TimePoint At(int ms) { return TimePoint{} + milliseconds(1'000'000 + ms); }

void ExpectRestart(const RestartDecision& decision, milliseconds pause) {
  EXPECT_FALSE(decision.suspended);
  EXPECT_EQ(decision.pause, pause);
}

TEST(RestartWindowTest, TheFirstRestartIsImmediateAndLaterOnesBackOffToTheLimit) {
  const RestartPolicy policy = Policy();
  RestartWindow window(policy);
  ExpectRestart(window.OnThrow(At(0)), milliseconds(0));
  ExpectRestart(window.OnThrow(At(1)), milliseconds(10));
  ExpectRestart(window.OnThrow(At(2)), milliseconds(20));
  ExpectRestart(window.OnThrow(At(3)), milliseconds(40));
  ExpectRestart(window.OnThrow(At(4)), milliseconds(50));
}

TEST(RestartWindowTest, OneThrowTooManySuspendsTheActorAndClearsTheWindow) {
  const RestartPolicy policy = Policy();
  RestartWindow window(policy);
  for (int i = 0; i < policy.max_restarts; ++i) EXPECT_FALSE(window.OnThrow(At(i)).suspended);
  const RestartDecision decision = window.OnThrow(At(999));
  EXPECT_TRUE(decision.suspended);
  EXPECT_EQ(decision.pause, policy.suspension);
  ExpectRestart(window.OnThrow(At(999)), milliseconds(0));
}

TEST(RestartWindowTest, ThrowsLeaveTheWindowOneByOne) {
  const RestartPolicy policy = Policy();
  RestartWindow window(policy);
  for (int i = 0; i < policy.max_restarts; ++i) window.OnThrow(At(100 * i));
  // The throw at 0 has just left the window, those at 100 to 400 still count: this is the fifth again.
  ExpectRestart(window.OnThrow(At(1000)), milliseconds(50));
  EXPECT_TRUE(window.OnThrow(At(1099)).suspended);
}

TEST(RestartWindowTest, ThrowsFurtherApartThanTheWindowAlwaysRestart) {
  const RestartPolicy policy = Policy();
  RestartWindow window(policy);
  for (int i = 0; i < 100; ++i) ExpectRestart(window.OnThrow(At(1000 * i)), milliseconds(0));
}

TEST(RestartWindowTest, WithoutRestartsEveryThrowSuspends) {
  RestartPolicy policy = Policy();
  policy.max_restarts = 0;
  RestartWindow window(policy);
  EXPECT_TRUE(window.OnThrow(At(0)).suspended);
  EXPECT_TRUE(window.OnThrow(At(5000)).suspended);
}

TEST(RestartWindowTest, BackOffOfAThousandRestartsDoesNotOverflow) {
  RestartPolicy policy = Policy();
  policy.max_restarts = 1000;
  policy.window = milliseconds(3'600'000);
  RestartWindow window(policy);
  for (int i = 0; i < 999; ++i) window.OnThrow(At(i));
  ExpectRestart(window.OnThrow(At(999)), policy.max_backoff);
}

TEST(RestartWindowTest, ZeroBackOffStaysZero) {
  RestartPolicy policy = Policy();
  policy.min_backoff = milliseconds(0);
  RestartWindow window(policy);
  for (int i = 0; i < policy.max_restarts; ++i) ExpectRestart(window.OnThrow(At(i)), milliseconds(0));
}

}  // namespace
}  // namespace penstock::actorpool
