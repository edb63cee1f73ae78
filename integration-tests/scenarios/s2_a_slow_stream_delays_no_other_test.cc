// SPDX-License-Identifier: Apache-2.0
// And S3: receiving, here dispatching, waits for no handler.
#include "scenarios/stream_scenario.h"

namespace penstock::testing {
namespace {

class ASlowStreamDelaysNoOther : public StreamScenario {
 protected:
  static constexpr int kStreams = 10'000;

  static std::string Id(int i) { return "stream-" + std::to_string(i); }

  void RegisterOthers() {
    for (int i = 1; i < kStreams; ++i) ASSERT_THAT(registry_->Register(Id(i), Logging(Id(i))), IsOk());
  }
};

TEST_F(ASlowStreamDelaysNoOther, OfTenThousandAlsoWhereAllWouldHashToOneActor) {
  ASSERT_THAT(registry_->Register(Id(0), LoggingBehindGate(Id(0))), IsOk());
  RegisterOthers();
  for (const std::string& number : Numbers(5)) {
    for (int i = 0; i < kStreams; ++i) ASSERT_THAT(registry_->Dispatch(Id(i), number), IsOk());
  }
  EXPECT_TRUE(Reaches((kStreams - 1) * 5)) << "all but the slow one, which is still at its first message";
  EXPECT_TRUE(Handled(Id(0)).empty());
  for (int i = 1; i < kStreams; ++i) ASSERT_EQ(Handled(Id(i)), Numbers(5)) << i;
  gate_.Open();
  ASSERT_TRUE(Reaches(kStreams * 5));
  EXPECT_EQ(Handled(Id(0)), Numbers(5));
}

TEST_F(ASlowStreamDelaysNoOther, WhichStillDoesNotWhenItThrowsAgainAndAgain) {
  ASSERT_THAT(registry_->Register("throws", [](const std::string&) -> absl::Status { throw std::string("boom"); }),
              IsOk());
  ASSERT_THAT(registry_->Register("other", Logging("other")), IsOk());
  for (std::string& number : Numbers(500)) {
    ASSERT_THAT(registry_->Dispatch("throws", "x"), IsOk());
    ASSERT_THAT(registry_->Dispatch("other", std::move(number)), IsOk());
  }
  ASSERT_TRUE(Reaches(500));
  EXPECT_EQ(Handled("other"), Numbers(500));
  ASSERT_THAT(registry_->Unregister("throws", actorpool::Pending::kDrop, kPatience), IsOk());
  const auto total = registry_->Stats().total;
  EXPECT_EQ(total.failed + total.dropped, 500u);
  EXPECT_EQ(total.failed, total.restarts + total.suspensions);
}

TEST_F(ASlowStreamDelaysNoOther, AndDispatchingWaitsForNoneAlsoWhenAllWorkersAreBlocked) {
  for (const char* id : {"a", "b", "c"}) ASSERT_THAT(registry_->Register(id, LoggingBehindGate(id)), IsOk());
  for (std::string& number : Numbers(900)) {
    for (const char* id : {"a", "b", "c"}) ASSERT_THAT(registry_->Dispatch(id, number), IsOk());
  }
  EXPECT_TRUE(Eventually([&] { return registry_->Stats().total.running == 2; }, kPatience));
  EXPECT_EQ(registry_->Stats().total.succeeded, 0u);
  EXPECT_EQ(registry_->Stats().total.accepted, 2700u);
  gate_.Open();
  ASSERT_TRUE(Reaches(2700));
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(Handled(id), Numbers(900));
}

}  // namespace
}  // namespace penstock::testing
