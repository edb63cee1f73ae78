// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "scenarios/stream_scenario.h"

namespace penstock::testing {
namespace {

class MessagesOfAStreamAreHandledInArrivalOrder : public StreamScenario {};

TEST_F(MessagesOfAStreamAreHandledInArrivalOrder, AndASlowOneIsNotOvertaken) {
  ASSERT_THAT(registry_->Register("orders", LoggingBehindGate("orders")), IsOk());
  for (const std::string& number : Numbers(1000)) {
    ASSERT_THAT(registry_->Dispatch("orders", number, kPatience), IsOk());
  }
  EXPECT_TRUE(Handled("orders").empty()) << "the first one waits";
  gate_.Open();
  ASSERT_TRUE(Reaches(1000));
  EXPECT_EQ(Handled("orders"), Numbers(1000));
}

TEST_F(MessagesOfAStreamAreHandledInArrivalOrder, WhichIsRegisteredWhileOthersRunAndUnregisteredAgain) {
  std::atomic<bool> done{false};
  std::atomic<int> sent{0};
  ASSERT_THAT(registry_->Register("busy", [](const std::string&) { return absl::OkStatus(); }), IsOk());
  std::jthread producer([&] {
    for (; !done; ++sent) EXPECT_THAT(registry_->Dispatch("busy", "x", kPatience), IsOk());
  });
  for (int round = 0; round < 50; ++round) {
    const std::string id = "round-" + std::to_string(round);
    ASSERT_THAT(registry_->Register(id, Logging(id)), IsOk());
    EXPECT_THAT(registry_->Register(id, Logging(id)), StatusIs(absl::StatusCode::kAlreadyExists));
    for (std::string& number : Numbers(20)) ASSERT_THAT(registry_->Dispatch(id, std::move(number)), IsOk());
    ASSERT_THAT(registry_->Unregister(id, actorpool::Pending::kFinish, kPatience), IsOk());
    EXPECT_EQ(Handled(id), Numbers(20)) << "it has ended when unregistering has waited for it";
    EXPECT_THAT(registry_->Unregister(id), StatusIs(absl::StatusCode::kNotFound));
  }
  done = true;
  producer.join();
  ASSERT_THAT(registry_->Unregister("busy", actorpool::Pending::kFinish, kPatience), IsOk());
  EXPECT_EQ(registry_->Stats().total.succeeded, 50 * 20 + static_cast<std::uint64_t>(sent));
}

TEST_F(MessagesOfAStreamAreHandledInArrivalOrder, AcrossANewRegistrationOfItsId) {
  ASSERT_THAT(registry_->Register("orders", LoggingBehindGate("orders")), IsOk());
  for (const char* text : {"0", "1"}) ASSERT_THAT(registry_->Dispatch("orders", text), IsOk());
  ASSERT_THAT(registry_->Unregister("orders"), IsOk());
  ASSERT_THAT(registry_->Register("orders", Logging("orders")), IsOk());
  for (const char* text : {"2", "3"}) ASSERT_THAT(registry_->Dispatch("orders", text), IsOk());
  gate_.Open();
  ASSERT_TRUE(Reaches(4));
  EXPECT_EQ(Handled("orders"), Numbers(4));
}

}  // namespace
}  // namespace penstock::testing
