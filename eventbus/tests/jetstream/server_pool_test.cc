// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/server_pool.h"

#include <gmock/gmock.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::UnorderedElementsAre;

class ServerPoolTest : public ::testing::Test {
 protected:
  static std::vector<std::string> Turn(ServerPool& pool) {
    std::vector<std::string> places;
    for (std::size_t i = 0; i < pool.size(); ++i) places.push_back(pool.Next().Place());
    return places;
  }

  static std::vector<ServerAddress> Servers(std::string_view url) { return ReadUrl(url)->servers; }

  std::minstd_rand random_{1};
};

TEST_F(ServerPoolTest, EachServerHasItsTurn) {
  ServerPool pool(Servers("nats://a:1,nats://b:2,nats://c"), random_);
  EXPECT_FALSE(pool.tls());
  for (int round = 0; round < 3; ++round) EXPECT_THAT(Turn(pool), UnorderedElementsAre("a:1", "b:2", "c:4222"));
}

TEST_F(ServerPoolTest, OneEncryptedServerMakesAllOfThemSo) {
  EXPECT_TRUE(ServerPool(Servers("nats://a:1,tls://b:2"), random_).tls());
}

TEST_F(ServerPoolTest, LearntServersAreReachedAsTheFirstOfTheUrl) {
  ServerPool pool(Servers("nats://ada:p%40ss@a:1"), random_);
  pool.Learn({"a:1", "10.0.0.2:4222", "[::1]:4223"});
  EXPECT_THAT(Turn(pool), UnorderedElementsAre("a:1", "10.0.0.2:4222", "[::1]:4223"));
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const ServerAddress& server = pool.Next();
    EXPECT_EQ(server.user, "ada");
    EXPECT_EQ(server.password, "p@ss");
  }
}

TEST_F(ServerPoolTest, WhatIsLearntReplacesWhatWasAndNothingChangesNothing) {
  ServerPool pool(Servers("nats://a:1"), random_);
  pool.Learn({"b:2"});
  pool.Learn({"c:3"});
  EXPECT_THAT(Turn(pool), UnorderedElementsAre("a:1", "c:3"));
  pool.Learn({});
  EXPECT_THAT(Turn(pool), UnorderedElementsAre("a:1", "c:3"));
}

TEST_F(ServerPoolTest, LeavesOutWhatIsNoPlace) {
  ServerPool pool(Servers("nats://a:1"), random_);
  pool.Learn({"", "b", "b:0", "b:99999", "nats://b:2", "user@b:2", "b:2 c:3", "[::1", "b:2\r\nc"});
  EXPECT_EQ(pool.size(), 1U);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
