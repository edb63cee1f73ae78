// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "accounts/account_trial.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The owner of the streams, and a user that may publish to its topics, and get answers.
constexpr const char* kUsers = R"(authorization: { users: [
  { user: owner, password: pw }
  { user: publisher, password: pw, permissions: {
      publish: { allow: ["orders", "notes", "unmade"] }, subscribe: { allow: ["_INBOX.>"] } } }
] })";

class APublisher : public AccountTrial {
 protected:
  void SetUp() override {
    server_ = Launch({.config = kUsers});
    ASSERT_NE(server_, nullptr);
  }

  BusOptions OptionsOf(const std::string& user) {
    BusOptions options = Options(server_->url());
    options.credentials = {.user = user, .password = "pw"};
    options.publish_timeout = seconds(2);
    return options;
  }

  std::unique_ptr<NatsServer> server_{};
};

TEST_F(APublisher, NeedNotLookAtStreams) {
  const auto owner = Connect(OptionsOf("owner"));
  ASSERT_NE(owner, nullptr);
  ASSERT_THAT(Publish(*owner, "orders", "0"), IsOk());
  ASSERT_THAT(owner->Publish("notes", "0"), IsOk());
  const auto publisher = Connect(OptionsOf("publisher"));
  ASSERT_NE(publisher, nullptr);
  for (int i = 1; i <= 3; ++i) {
    const auto ack = Publish(*publisher, "orders", std::to_string(i));
    ASSERT_THAT(ack, IsOk());
    EXPECT_EQ(ack->sequence, static_cast<std::uint64_t>(i) + 1);
    ASSERT_THAT(publisher->Publish("notes", std::to_string(i)), IsOk());
  }
  EXPECT_EQ(CountOf("without a look", warnings()), 2) << warnings();
  EXPECT_THAT(warnings(),
              AllOf(HasSubstr("$JS.API.STREAM.INFO.EVENTS_orders"), HasSubstr("$JS.API.STREAM.INFO.EVENTS_notes")));
  EXPECT_EQ(publisher->Stats().stream_warnings, 2U);
}

TEST_F(APublisher, IsToldByTheTimeoutThatNoStreamTakesItsTopic) {
  const auto publisher = Connect(OptionsOf("publisher"));
  ASSERT_NE(publisher, nullptr);
  EXPECT_THAT(Publish(*publisher, "unmade", "1"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("unmade")));
}

TEST_F(APublisher, IsToldAtOnceWhichTopicItMayNotPublishTo) {
  BusOptions options = OptionsOf("publisher");
  options.publish_timeout = seconds(30);
  const auto publisher = Connect(options);
  ASSERT_NE(publisher, nullptr);
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_THAT(Publish(*publisher, "secret", "1"), StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("secret")));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(10)) << "long before the timeout";
}

TEST_F(APublisher, CannotConsume) {
  const auto publisher = Connect(OptionsOf("publisher"));
  ASSERT_NE(publisher, nullptr);
  EXPECT_THAT(publisher->SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("$JS.API.STREAM.INFO.EVENTS_orders")));
}

// A refusal is an answer: nothing waits for another one.
TEST_F(APublisher, ConnectsWithoutTheSecondThatAnAnswerWouldHaveHad) {
  milliseconds best = seconds(30);  // of several, on a loaded machine
  for (int i = 0; i < 5; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const auto publisher = Connect(OptionsOf("publisher"));
    best = std::min(best, std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun));
  }
  RecordProperty("connect_ms", static_cast<int>(best.count()));
  EXPECT_LT(best, milliseconds(900));
}

}  // namespace
}  // namespace penstock::testing
