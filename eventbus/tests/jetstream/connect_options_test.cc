// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/connect_options.h"

#include <gmock/gmock.h>

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(ConnectOptionsTest, SplitsTheServersOfAUrl) {
  EXPECT_THAT(SplitServers("nats://a:1, nats://b:2,,"), ElementsAre("nats://a:1", "nats://b:2"));
  EXPECT_THAT(SplitServers(""), IsEmpty());
}

TEST(ConnectOptionsTest, AddsDiscoveredServersWithTheUserOfTheFirst) {
  EXPECT_THAT(MergeServers({"nats://u:p@a:1", "nats://b:2"}, {"nats://a:1", "nats://c:3"}),
              ElementsAre("nats://u:p@a:1", "nats://b:2", "nats://u:p@c:3"));
  EXPECT_THAT(MergeServers({"tls://a:1"}, {"nats://c:3"}), ElementsAre("tls://a:1", "tls://c:3"));
  EXPECT_THAT(MergeServers({}, {"nats://c:3"}), IsEmpty());
}

TEST(ConnectOptionsTest, NamesTheOptionThatTheLibraryRefusesAndNotItsValue) {
  BusOptions options;
  options.client_id = "test";
  options.tls = {.mode = TlsOptions::Mode::kRequired, .ca_file = "/no/such/ca-s3cret.pem"};
  const auto made = MakeConnectOptions(options, {"nats://127.0.0.1:4222"});
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(std::string(made.status().message()), HasSubstr("tls.ca_file"));
  EXPECT_THAT(std::string(made.status().message()), Not(HasSubstr("s3cret")));
}

TEST(ConnectOptionsTest, AcceptsEveryWayToProveWhoWeAre) {
  BusOptions options;
  options.client_id = "test";
  EXPECT_TRUE(MakeConnectOptions(options, {"nats://127.0.0.1:4222"}).ok());
  options.credentials = {.user = "ada", .password = "pw"};
  EXPECT_TRUE(MakeConnectOptions(options, {"nats://127.0.0.1:4222"}).ok());
  options.credentials = {.token = "token"};
  EXPECT_TRUE(MakeConnectOptions(options, {"nats://127.0.0.1:4222", "nats://[::1]:4222"}).ok());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
