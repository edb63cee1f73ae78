// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// Secrets that have to be written another way in a URL, in JSON and in a server's configuration.
class SecretsInAUrl : public RelayedServer {
 protected:
  void SetUp() override {}
  BusOptions As(const std::string& user_info) const {
    return {.url = absl::StrCat("nats://", user_info, "@127.0.0.1:", server_->port()), .client_id = "hostile"};
  }
  static void ExpectConnects(const BusOptions& options) {
    RunIsolated(seconds(20), [&] {
      const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(options); });
      EXPECT_THAT(bus, IsOk());
    });
  }
};

TEST_F(SecretsInAUrl, OfAUserAndAPasswordAreDecoded) {
  Launch({.config = R"(authorization: { user: "ada/l@c", password: "p@ss:w/rd 100%" })"});
  ExpectConnects(As("ada%2Fl%40c:p%40ss%3Aw%2Frd%20100%25"));
}

TEST_F(SecretsInAUrl, OfLettersInBothCasesAreDecoded) {
  Launch({.config = R"(authorization: { user: "ada", password: "a/b" })"});
  ExpectConnects(As("ada:a%2fb"));
  ExpectConnects(As("%61da:a%2Fb"));
}

TEST_F(SecretsInAUrl, OfATokenAreDecoded) {
  Launch({.config = R"(authorization: { token: "t0k/en@" })"});
  ExpectConnects(As("t0k%2Fen%40"));
}

TEST_F(SecretsInAUrl, AreTakenAsTheyAreWhenNothingIsEncoded) {
  Launch({.config = R"(authorization: { token: "t0ken" })"});
  ExpectConnects(As("t0ken"));
}

TEST_F(SecretsInAUrl, WithQuotesAndBackslashesWork) {
  Launch({.config = R"(authorization: { user: "a\"da", password: "q\"u\\o\"te\\" })"});
  ExpectConnects(As("a%22da:q%22u%5Co%22te%5C"));
}

TEST_F(SecretsInAUrl, ThatAreWrongAreNotShown) {
  Launch({.config = R"(authorization: { user: "ada", password: "right" })"});
  RunIsolated(seconds(20), [&] {
    EXPECT_THAT(
        EventBus::Connect(As("ada:wr%22ng")),
        StatusIs(absl::StatusCode::kUnauthenticated, AllOf(Not(HasSubstr("wr%22ng")), Not(HasSubstr("wr\"ng")))));
  });
}

TEST_F(SecretsInAUrl, AndInOptionsMayHoldQuotesAndBackslashes) {
  Launch({.config = R"(authorization: { user: "a\"da", password: "q\"u\\o\"te\\" })"});
  BusOptions options{.url = server_->url(), .client_id = "hostile"};
  options.credentials = {.user = "a\"da", .password = "q\"u\\o\"te\\"};
  ExpectConnects(options);
}

TEST_F(SecretsInAUrl, AndATokenInOptionsMayHoldQuotesAndBackslashes) {
  Launch({.config = R"(authorization: { token: "t\"o\\ken" })"});
  BusOptions options{.url = server_->url(), .client_id = "hostile"};
  options.credentials.token = "t\"o\\ken";
  ExpectConnects(options);
}

}  // namespace
}  // namespace penstock::testing
