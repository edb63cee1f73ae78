// SPDX-License-Identifier: Apache-2.0
#include "accounts/account_trial.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

class AUserWithAnInboxOfItsOwn : public AccountTrial {
 protected:
  void SetUp() override {
    server_ = Launch({.config = R"(authorization: { users: [ { user: app, password: pw,
                        permissions: { subscribe: { allow: ["_INBOX_app.>"] } } } ] })"});
    ASSERT_NE(server_, nullptr);
  }

  BusOptions OptionsFor(const std::string& inbox_prefix) {
    BusOptions options = Options(server_->url());
    options.credentials = {.user = "app", .password = "pw"};
    options.inbox_prefix = inbox_prefix;
    return options;
  }

  std::unique_ptr<NatsServer> server_{};
};

TEST_F(AUserWithAnInboxOfItsOwn, CanDoEverything) {
  const auto bus = Connect(OptionsFor("_INBOX_app"));
  ASSERT_NE(bus, nullptr);
  UseEverything(*bus);
  EXPECT_EQ(CountOf("ermissions Violation", log()), 0) << log();
  EXPECT_THAT(bus->Drain(seconds(5)).status, IsOk());
}

TEST_F(AUserWithAnInboxOfItsOwn, IsToldWhichSubscriptionIsRefusedElsewhere) {
  EXPECT_THAT(EventBus::Connect(OptionsFor("_INBOX")),
              StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("_INBOX.")));
}

}  // namespace
}  // namespace penstock::testing
