// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/connect_line.h"

#include <gmock/gmock.h>

#include "jetstream/protocol/json.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kLine =
    R"(CONNECT {"verbose":false,"jwt":"eyJ","sig":"s1g","tls_required":false,"name":"secret","lang":"C","headers":true})";

Json Rewritten(const ClientIdentity& identity) {
  const auto line = RewriteConnectLine(kLine, "secret", identity);
  EXPECT_TRUE(line.ok()) << line.status();
  if (!line.ok()) return {};
  EXPECT_TRUE(line->starts_with("CONNECT {") && line->ends_with("}\r\n")) << *line;
  return ParseJson(std::string_view(*line).substr(8));
}

TEST(ConnectLineTest, CarriesTheClientsIdentityInPlaceOfTheLibrarys) {
  const Json connect = Rewritten({.name = "billing", .user = "ada", .password = "pw", .encrypted = true});
  EXPECT_EQ(StringMember(connect, "name"), "billing");
  EXPECT_EQ(StringMember(connect, "user"), "ada");
  EXPECT_EQ(StringMember(connect, "pass"), "pw");
  EXPECT_TRUE(BoolMember(connect, "tls_required"));
  EXPECT_EQ(StringMember(connect, "jwt"), "eyJ") << "what the library signed stays";
  EXPECT_FALSE(connect.contains("auth_token"));
}

TEST(ConnectLineTest, EscapesWhatStandsInSecrets) {
  for (const std::string_view secret : {R"(a"b)", R"(back\slash)", R"("},{"user":"root)", "tab\tline\n", "\xc3\xa4"}) {
    EXPECT_EQ(StringMember(Rewritten({.name = "b", .user = "ada", .password = std::string(secret)}), "pass"), secret);
    EXPECT_EQ(StringMember(Rewritten({.name = "b", .token = std::string(secret)}), "auth_token"), secret);
  }
}

TEST(ConnectLineTest, RefusesWhoDoesNotKnowTheAdmission) {
  EXPECT_TRUE(absl::IsPermissionDenied(RewriteConnectLine(kLine, "another", {}).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(RewriteConnectLine("CONNECT {}", "another", {}).status()));
}

TEST(ConnectLineTest, RefusesWhatIsNoConnectLine) {
  for (const std::string_view line : {"", "PING", "CONNECT", "CONNECT ", "CONNECT []", "CONNECT {", "SUB > 1"}) {
    EXPECT_TRUE(absl::IsInternal(RewriteConnectLine(line, "secret", {}).status())) << line;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
