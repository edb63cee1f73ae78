// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include "scenarios/stream_scenario.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

class ClosingStreamsFinishesWhatWasAccepted : public StreamScenario {
 protected:
  void Dispatch(const std::string& id, int messages) {
    for (std::string& number : Numbers(messages)) {
      ASSERT_THAT(registry_->Dispatch(id, std::move(number)), IsOk());
    }
  }
};

TEST_F(ClosingStreamsFinishesWhatWasAccepted, ThenStops) {
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_THAT(registry_->Register(id, LoggingBehindGate(id)), IsOk());
    Dispatch(id, 100);
  }
  std::jthread opener([&] {
    while (registry_->Dispatch("a", "late").code() != absl::StatusCode::kFailedPrecondition) std::this_thread::yield();
    gate_.Open();
  });
  const auto report = registry_->Drain(kPatience);
  opener.join();
  ASSERT_THAT(report, IsOk());
  const auto total = registry_->Stats().total;
  EXPECT_EQ(report->finished, total.accepted);
  EXPECT_EQ(report->dropped, 0u);
  EXPECT_EQ(report->running, 0u);
  for (const char* id : {"b", "c"}) EXPECT_EQ(Handled(id), Numbers(100));
  EXPECT_THAT(registry_->Register("d", Logging("d")), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ClosingStreamsFinishesWhatWasAccepted, OrSaysWhatItCouldNotFinishInTime) {
  ASSERT_THAT(registry_->Register("a", LoggingBehindGate("a")), IsOk());
  Dispatch("a", 10);
  ASSERT_TRUE(Eventually([&] { return registry_->Stats().total.running == 1; }, kPatience));
  const auto report = registry_->Drain(std::chrono::milliseconds(10));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->finished, 0u);
  EXPECT_EQ(report->dropped, 9u);
  EXPECT_EQ(report->running, 1u);
  gate_.Open();
  registry_->Stop();
  EXPECT_EQ(registry_->Stats().total.succeeded, 1u) << "a callback that runs is always waited for in the end";
}

TEST_F(ClosingStreamsFinishesWhatWasAccepted, AlsoWhenThePoolIsDrained) {
  ASSERT_THAT(registry_->Register("a", LoggingBehindGate("a")), IsOk());
  Dispatch("a", 100);
  EXPECT_THAT(pool_->Drain(std::chrono::milliseconds(0)), StatusIs(absl::StatusCode::kDeadlineExceeded));
  gate_.Open();
  ASSERT_THAT(pool_->Drain(kPatience), IsOk());
  EXPECT_EQ(Handled("a"), Numbers(100));
  EXPECT_THAT(registry_->Dispatch("a", "late"), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ClosingStreamsFinishesWhatWasAccepted, AndAMessageForAnUnknownStreamIsReported) {
  EXPECT_THAT(registry_->Dispatch("nobody", "x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("stream \"nobody\" of registry \"streams\": it is not "
                                                              "registered; register it first")));
  ASSERT_THAT(registry_->Register("a", Logging("a")), IsOk());
  ASSERT_THAT(registry_->Unregister("a"), IsOk());
  EXPECT_THAT(registry_->Dispatch("a", "x"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(registry_->Stats().unknown, 2u);
}

}  // namespace
}  // namespace penstock::testing
