// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

class RoundRobinReachesEveryActorEvenly : public EveryTransport {};
PENSTOCK_ON_EVERY_TRANSPORT(RoundRobinReachesEveryActorEvenly);

TEST_P(RoundRobinReachesEveryActorEvenly, MostLoadedActorIsWithinFivePercentOfTheMean) {
  constexpr std::size_t kPerActor = 20;
  std::atomic<std::size_t> handled{0};
  auto bus = Connect();
  auto handler = [&](const Delivery&) {
    handled.fetch_add(1);
    return absl::OkStatus();
  };
  ASSERT_THAT(bus->Subscribe("notices", handler), IsOk());
  const std::size_t actors = bus->Stats().pool.actors.size();
  ASSERT_EQ(actors, 256u);
  for (std::size_t i = 0; i < actors * kPerActor; ++i) {
    ASSERT_THAT(bus->PublishAsync("notices", "n", [](const absl::StatusOr<PubAck>& ack) { EXPECT_THAT(ack, IsOk()); }),
                IsOk());
  }
  ASSERT_TRUE(Eventually([&] { return handled.load() == actors * kPerActor; }, kPatience)) << handled.load();

  std::uint64_t most = 0;
  for (const auto& actor : bus->Stats().pool.actors) {
    EXPECT_GT(actor.sent, 0u);
    most = std::max(most, actor.sent);
  }
  EXPECT_LE(static_cast<double>(most) / static_cast<double>(kPerActor), 1.05);
}

}  // namespace
}  // namespace penstock::testing
