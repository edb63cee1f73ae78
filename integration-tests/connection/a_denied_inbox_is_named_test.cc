// SPDX-License-Identifier: Apache-2.0
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

class ADeniedInbox : public RelayedServer {
 protected:
  void SetUp() override {
    Launch({.config = R"(authorization: { users: [ { user: "ada", password: "pw",
              permissions: { subscribe: { deny: ["_INBOX.>"] } } } ] })"});
  }
};

TEST_F(ADeniedInbox, IsNamedWithinTwoSeconds) {
  RunIsolated(kPatience, [&] {
    BusOptions options = Options(server_->url());
    options.credentials = {.user = "ada", .password = "pw"};
    const absl::Status status = Within(seconds(2), "Connect and SubscribeEnvelope", [&] {
      auto bus = EventBus::Connect(options);
      if (!bus.ok()) return bus.status();
      return (*bus)->SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }).status();
    });
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr("_INBOX.")));
  });
}

}  // namespace
}  // namespace penstock::testing
