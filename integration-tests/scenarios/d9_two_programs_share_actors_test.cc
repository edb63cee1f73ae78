// SPDX-License-Identifier: Apache-2.0
// The programs of sdk/examples/actors: one sends, another runs what was sent.
#include <csignal>

#include "scenario.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

TEST(TwoPrograms, ShareActors) {
  const auto server = NatsServer::Launch();
  ASSERT_THAT(server, IsOk());
  const std::map<std::string, std::string> environment = {{"PENSTOCK_URL", (*server)->url()},
                                                          {"PENSTOCK_METRICS_PORT", "0"}};
  const auto host = ChildProcess::Spawn({.command = {PENSTOCK_EXAMPLE_ACTORS_HOST}, .environment = environment});
  ASSERT_THAT(host, IsOk());
  const auto send = ChildProcess::Spawn({.command = {PENSTOCK_EXAMPLE_ACTORS_SEND}, .environment = environment});
  ASSERT_THAT(send, IsOk());
  EXPECT_EQ((*send)->Await(), 0);
  EXPECT_THAT((*send)->output(), HasSubstr("alice: "));
  for (const char* order : {"o-1", "o-2", "o-3"}) {
    EXPECT_TRUE(Eventually(
        [&] {
          EXPECT_EQ((*host)->Await(std::chrono::milliseconds(0)), std::nullopt);  // reads its output
          const std::string line = std::string("e-mail to alice: order ") + order;
          return (*host)->output().find(line) != std::string::npos;
        },
        kPatience))
        << (*host)->output();
  }
  (*host)->Signal(SIGTERM);
  EXPECT_EQ((*host)->Await(), 0);
}

}  // namespace
}  // namespace penstock::testing
