// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "scenarios/made_ahead.h"

namespace penstock::testing {
namespace {

constexpr const char* kLetters = "EVENTS_dead_letters";
constexpr std::size_t kSize = 80'000;

class ALargeMessageOfAWorkQueue : public MadeAhead {
 protected:
  void SetUp() override {
    UseServer();
    Api(absl::StrCat("STREAM.CREATE.", kStream),
        {{"name", kStream}, {"subjects", {"orders"}}, {"storage", "file"}, {"retention", "workqueue"}});
  }

  Json LettersConfig(int max_msg_size) const {
    return {{"name", kLetters},      {"subjects", {absl::StrCat(kLetters, ".>")}},
            {"storage", "file"},     {"discard", "new"},
            {"allow_direct", false}, {"max_msg_size", max_msg_size}};
  }

  std::uint64_t Messages(const std::string& stream) const {
    return Api("STREAM.INFO." + stream).at("state").at("messages");
  }

  std::atomic<bool> rejecting_{true};
  Log log_{};
};

TEST_F(ALargeMessageOfAWorkQueue, StaysWhereItIsUntilItsLetterHasRoomForIt) {
  auto bus = Connect(LoggingOptions());
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("a", std::string(kSize, 'p'))).status(), IsOk());
  ASSERT_THAT(bus->PublishEnvelope("orders", Event("a", "next")).status(), IsOk());
  const Json made = Api(absl::StrCat("STREAM.CREATE.", kLetters), LettersConfig(65536));
  ASSERT_FALSE(made.contains("error")) << made;
  const auto subscribed =
      bus->SubscribeEnvelope("orders", {.durable = "billing", .after_dead_letter = AfterDeadLetter::kContinue},
                             [this](const Envelope& event, const Delivery&) -> Outcome {
                               if (rejecting_ && event.payload.size() == kSize) return Reject("no such card");
                               log_.Add(event.aggregate_id, event.payload);
                               return Ack();
                             });
  ASSERT_THAT(subscribed, IsOk());
  EXPECT_TRUE(lines_.Gets("message 1 of stream \"EVENTS_orders\" is too large to be kept"));
  EXPECT_EQ(Messages(kLetters), 0u);
  EXPECT_EQ(Messages(kStream), 2u);
  EXPECT_EQ(log_.count(), 0u) << "its key waits";
  const Json grown = Api(absl::StrCat("STREAM.UPDATE.", kLetters), LettersConfig(-1));
  ASSERT_FALSE(grown.contains("error")) << grown;
  EXPECT_TRUE(Eventually([&] { return Messages(kLetters) == 1; }, kPatience));
  EXPECT_TRUE(log_.Reaches(1));
  EXPECT_TRUE(Eventually([&] { return Messages(kStream) == 0; }, kPatience));
  rejecting_ = false;
  ASSERT_THAT(bus->dead_letters().Redrive({.topic = "orders"}).status(), IsOk());
  EXPECT_TRUE(log_.Reaches(2));
  EXPECT_EQ(log_.Of("a").back(), std::string(kSize, 'p'));
}

}  // namespace
}  // namespace penstock::testing
