// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/server_info.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "jetstream/protocol/json.h"

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kLine =
    R"(INFO {"server_id":"NX","version":"2.9.10","proto":1,"headers":true,"max_payload":1048576,"tls_required":true,)"
    R"("auth_required":true,"nonce":"abc","connect_urls":["10.0.0.1:4222","[::1]:4223"],"ldm":true,"client_id":7})";

TEST(ServerInfoTest, TellsWhatAServerSaysOfItself) {
  const auto info = ParseServerInfo(kLine);
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->max_payload_bytes, 1048576U);
  EXPECT_TRUE(info->tls_required);
  EXPECT_FALSE(info->tls_available);
  EXPECT_TRUE(info->lame_duck);
  EXPECT_THAT(info->connect_urls, ElementsAre("10.0.0.1:4222", "[::1]:4223"));
}

TEST(ServerInfoTest, TheLibraryLearnsNothingOfTlsAndOtherServers) {
  const auto info = ParseServerInfo(kLine);
  ASSERT_TRUE(info.ok());
  const std::string& line = info->line_for_library;
  EXPECT_THAT(line, AllOf(HasSubstr("INFO {"), HasSubstr(R"("nonce":"abc")"), HasSubstr("1048576")));
  EXPECT_THAT(line, AllOf(Not(HasSubstr("tls")), Not(HasSubstr("connect_urls")), Not(HasSubstr("ldm"))));
  EXPECT_TRUE(line.ends_with("}\r\n"));
}

TEST(ServerInfoTest, BoundsWhatTheLibraryReads) {
  const std::string line = absl::StrCat(R"(INFO {"max_payload":99999999999,"version":")", std::string(40'000, 'v'),
                                        R"(","nonce":")", std::string(40'000, 'n'), R"("})");
  const auto info = ParseServerInfo(line);
  ASSERT_TRUE(info.ok());
  EXPECT_LT(info->line_for_library.size(), 500U);
  EXPECT_EQ(info->max_payload_bytes, std::size_t{64} << 20);
}

TEST(ServerInfoTest, RefusesWhatIsNone) {
  for (const std::string_view line : {"", "INFO", "INFO ", "INFO {", "INFO []", "INFO {}", "HTTP/1.1 400 Bad Request",
                                      R"(INFO {"max_payload":-5})", R"(INFO {"max_payload":"1048576"})"}) {
    EXPECT_TRUE(absl::IsUnavailable(ParseServerInfo(line).status())) << line;
  }
}

TEST(ServerInfoTest, TellsWhyAServerRefusesAConnection) {
  const auto info = ParseServerInfo("-ERR 'maximum connections exceeded'");
  EXPECT_TRUE(absl::IsUnavailable(info.status()));
  EXPECT_THAT(std::string(info.status().message()), HasSubstr("\"maximum connections exceeded\""));
}

TEST(ServerInfoTest, ReadsTheTextOfAnError) {
  EXPECT_EQ(ErrorText("-ERR 'Authorization Violation'"), "Authorization Violation");
  EXPECT_EQ(ErrorText("-ERR"), "");
  EXPECT_EQ(ErrorText("PONG"), "");
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
