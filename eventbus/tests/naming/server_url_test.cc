// SPDX-License-Identifier: Apache-2.0
#include "naming/server_url.h"

#include <gtest/gtest.h>

#include <string>

#include "../refusal.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

TEST(ServerUrlTest, ReadsServersAndListsOfThem) {
  for (const std::string url :
       {"nats://127.0.0.1:4222", "nats://localhost", "tls://nats.example.org:443", "nats://my_nats-1:65535",
        "nats://[::1]:4222", "nats://[2001:db8::7]", "nats://a:1,nats://b:2,tls://c", "nats://localhost:45222/",
        "tls://h/", "nats://[::1]:4222/", "nats://a:1/,nats://b/"}) {
    const auto facts = ReadUrl(url);
    ASSERT_THAT(facts, IsAccepted()) << url;
    EXPECT_FALSE(facts->servers.empty()) << url;
    EXPECT_FALSE(facts->has_credentials) << url;
    EXPECT_EQ(facts->tls, url.find("tls://") != std::string::npos) << url;
  }
}

TEST(ServerUrlTest, ASlashAtTheEndIsNoPartOfHostOrPort) {
  const auto facts = ReadUrl("nats://localhost:45222/,tls://bob:pw@[::1]/");
  ASSERT_THAT(facts, IsAccepted());
  EXPECT_EQ(facts->servers.at(0).Place(), "localhost:45222");
  EXPECT_EQ(facts->servers.at(1).Place(), "[::1]:4222");
  EXPECT_EQ(facts->servers.at(1).password, "pw");
  EXPECT_FALSE(ParsePlace("h:1/").has_value()) << "servers name each other without one";
  EXPECT_EQ(RedactUrl("nats://bob:pw@h:1/,nats://h/"), "nats://***@h:1/,nats://h/") << "shown as it is";
  EXPECT_EQ(RedactUrl("nats://h:1/s3cret"), "nats://h:1");
}

TEST(ServerUrlTest, SeesCredentialsInAnyServerOfTheList) {
  for (const std::string url : {"nats://bob:pw@h", "nats://token@h:1", "nats://a,nats://bob:@b", "tls://%40:%2F@h"}) {
    const auto facts = ReadUrl(url);
    ASSERT_THAT(facts, IsAccepted()) << url;
    EXPECT_TRUE(facts->has_credentials) << url;
  }
}

TEST(ServerUrlTest, ReadsAnEmbeddedBusWithAndWithoutAName) {
  for (const std::string& url :
       {std::string("memory://"), std::string("memory://tests_1-a"), "memory://" + std::string(64, 'x')}) {
    const auto facts = ReadUrl(url);
    ASSERT_THAT(facts, IsAccepted()) << url;
    EXPECT_TRUE(facts->servers.empty()) << url;
  }
}

struct Refused {
  std::string url{};
  std::string text{};
};

TEST(ServerUrlTest, RefusesAllElseAndSaysWhichServer) {
  const Refused cases[] = {
      {"", "\"url\" is empty"},
      {"localhost:4222", "server 1: it has no scheme"},
      {"http://h", "scheme is unknown"},
      {"NATS://h", "scheme is unknown"},
      {"nats://", "host is empty"},
      {"nats://:4222", "host is empty"},
      {"nats://bob@", "host is empty"},
      {"nats://h:", "port is not"},
      {"nats://h:0", "port is not"},
      {"nats://h:65536", "port is not"},
      {"nats://h:99999999999999999999", "port is not"},
      {"nats://h:+1", "port is not"},
      {"nats://h:42 22", "port is not"},
      {"nats://h:1x/", "port is not"},
      {"nats://h/path", "goes on behind host and port"},
      {"nats://h:1//", "goes on behind host and port"},
      {"nats://h:1?tls=true", "goes on behind host and port"},
      {"nats://a,nats://h:1/#x", "server 2: it goes on behind host and port"},
      {"nats://h o", "host is neither"},
      {"nats://h\r\nPUB x", "host is neither"},
      {std::string("nats://h\0", 9), "host is neither"},
      {"nats://[::g]", "host is neither"},
      {"nats://[::1", "host is neither"},
      {"nats://[]", "host is neither"},
      {"nats://::1", "host is empty"},
      {"nats://" + std::string(254, 'h'), "host is neither"},
      {"nats://@h", "user before"},
      {"nats://:pw@h", "user before"},
      {"nats://a@b@h", "percent-encoded"},
      {"nats://a b:c@h", "percent-encoded"},
      {"nats://a\r\nb@h", "percent-encoded"},
      {"nats://a,", "server 2: it has no scheme"},
      {",nats://a", "server 1: it has no scheme"},
      {"nats://a,b", "server 2: it has no scheme"},
      {"nats://a, nats://b", "server 2: it has no scheme"},
      {"nats://a,memory://", "server 2: its scheme is unknown"},
      {"memory://a,nats://b", "stands alone"},
      {"memory://a b", "[A-Za-z0-9_-]"},
      {"memory://a,b", "[A-Za-z0-9_-]"},
      {"memory://" + std::string(65, 'x'), "64 bytes"},
      {"memory:", "no scheme"},
  };
  for (const Refused& refused : cases) EXPECT_THAT(ReadUrl(refused.url), IsRefusedFor(refused.text)) << refused.url;
}

TEST(ServerUrlTest, NeverRepeatsASecret) {
  for (const std::string url : {"nats://bob:s3cret@ho st", "nats://bob:s3cret@h:0", "bob:s3cret@h",
                                "nats://bob:1,s3cret@h:1", "nats://bob:s3@cret@h", "tls://bob:s3 cret@h",
                                "nats://a,nats://bob:s3cret@", "nats://h:1/bob:s3cret", "memory://bob:s3cret@name"}) {
    const auto facts = ReadUrl(url);
    ASSERT_FALSE(facts.ok()) << url;
    EXPECT_EQ(facts.status().ToString().find("s3"), std::string::npos) << facts.status();
    EXPECT_EQ(facts.status().ToString().find("cret"), std::string::npos) << facts.status();
    EXPECT_EQ(facts.status().ToString().find("bob"), std::string::npos) << facts.status();
  }
}

TEST(HostnameTest, IsANameAnAddressOrNothing) {
  for (const std::string name : {"", "nats.example.org", "10.0.0.1", "[::1]"})
    EXPECT_THAT(CheckHostname("f", name), IsAccepted());
  for (const std::string name : {"a b", "h:1", "nats://h", "a\n"})
    EXPECT_THAT(CheckHostname("f", name), IsRefusedFor("\"f\""));
}

}  // namespace
}  // namespace penstock::eventbus
