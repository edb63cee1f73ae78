// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "accounts/account_trial.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The account `store` has the streams. `app` imports its JetStream under the prefix `JS.store`, its topics as they
// are, and deliveries below an inbox prefix of its own (docs/operations.md).
constexpr const char* kAccounts = R"(accounts: {
  store: {
    jetstream: enabled
    users: [ { user: keeper, password: pw } ]
    exports: [
      { service: "$JS.API.>", response_type: stream }
      { service: "$JS.ACK.>" }
      { service: "$KV.>" }
      { service: "orders" }
      { service: "notes" }
      { service: "EVENTS_dead_letters.>" }
      { stream: "app.inbox.>" }
    ]
  }
  app: {
    users: [ { user: app, password: pw } ]
    imports: [
      { service: { account: store, subject: "$JS.API.INFO" }, to: "JS.store.INFO" }
      { service: { account: store, subject: "$JS.API.STREAM.>" }, to: "JS.store.STREAM.>" }
      { service: { account: store, subject: "$JS.API.CONSUMER.>" }, to: "JS.store.CONSUMER.>" }
      { service: { account: store, subject: "$JS.API.DIRECT.>" }, to: "JS.store.DIRECT.>" }
      { service: { account: store, subject: "$KV.>" }, to: "JS.store.$KV.>" }
      { service: { account: store, subject: "$JS.ACK.>" } }
      { service: { account: store, subject: "orders" } }
      { service: { account: store, subject: "notes" } }
      { service: { account: store, subject: "EVENTS_dead_letters.>" } }
      { stream: { account: store, subject: "app.inbox.>" } }
    ]
  }
})";

class TheJetStreamOfAnotherAccount : public AccountTrial {
 protected:
  void SetUp() override {
    server_ = Launch({.config = kAccounts});
    ASSERT_NE(server_, nullptr);
  }

  BusOptions OptionsFor(const std::string& prefix) {
    BusOptions options = Options(server_->url());
    options.credentials = {.user = "app", .password = "pw"};
    options.jetstream_api_prefix = prefix;
    options.inbox_prefix = "app.inbox";
    return options;
  }

  std::unique_ptr<NatsServer> server_{};
};

TEST_F(TheJetStreamOfAnotherAccount, IsUsedForEverything) {
  const auto bus = Connect(OptionsFor("JS.store"));
  ASSERT_NE(bus, nullptr);
  UseEverything(*bus);
  auto keeper =
      RawNats::Connect(server_->port(), R"({"user":"keeper","pass":"pw","headers":true,"no_responders":true})");
  ASSERT_THAT(keeper, IsOk());
  const auto names = keeper->Request("$JS.API.STREAM.NAMES", "");
  ASSERT_THAT(names, IsOk());
  EXPECT_THAT(names->body, AllOf(HasSubstr("EVENTS_orders"), HasSubstr("EVENTS_notes"),
                                 HasSubstr("EVENTS_dead_letters"), HasSubstr("KV_settings")));
  EXPECT_THAT(bus->Drain(seconds(5)).status, IsOk());
}

TEST_F(TheJetStreamOfAnotherAccount, IsNamedWhenItIsNotImportedThere) {
  BusOptions options = OptionsFor("JS.elsewhere");
  options.connect_timeout = milliseconds(500);
  EXPECT_THAT(EventBus::Connect(options),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("JS.elsewhere.INFO"), HasSubstr("jetstream_api_prefix"))));
}

}  // namespace
}  // namespace penstock::testing
