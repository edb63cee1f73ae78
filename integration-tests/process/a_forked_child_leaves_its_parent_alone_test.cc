// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/child_process.h"
#include "support/nats_server.h"
#include "support/status_matchers.h"

namespace penstock::testing {
namespace {

class AForkedChild : public ::testing::TestWithParam<std::string> {};

TEST_P(AForkedChild, LeavesItsParentAloneWhenItExits) {
  const auto server = NatsServer::Launch();
  ASSERT_THAT(server, IsOk());
  const std::string url = GetParam() == "memory" ? "memory://" : (*server)->url();
  const auto parent = ChildProcess::Spawn({.command = {PENSTOCK_FORKING_PARENT, url}});
  ASSERT_THAT(parent, IsOk());
  EXPECT_EQ((*parent)->Await(), 0);
  EXPECT_EQ((*parent)->output(), "from main: 7\nfrom a handler: 7\ntoken settled: 1, bus works: 1, reconnects: 0\n");
}

INSTANTIATE_TEST_SUITE_P(On, AForkedChild, ::testing::Values("jetstream", "memory"),
                         [](const auto& transport) { return std::string(transport.param); });

}  // namespace
}  // namespace penstock::testing
