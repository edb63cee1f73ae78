// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "consumer_processes.h"

namespace penstock::testing {
namespace {

class RollingRestartsLoseNothing : public ConsumerProcesses {
 protected:
  // More of them take minutes; `./dev servers` asks for 100.
  static int Restarts() {
    const char* const asked = std::getenv("ROLLING_RESTARTS");
    return asked == nullptr ? 10 : std::atoi(asked);
  }
};

class AcknowledgingEitherWay : public RollingRestartsLoseNothing, public ::testing::WithParamInterface<bool> {};

TEST_P(AcknowledgingEitherWay, RollingRestartsLoseNothingAndRunNothingTwice) {
  cumulative_ = GetParam();
  auto consumer = StartConsumer(url(), 200);
  for (int restart = 0; restart < Restarts(); ++restart) {
    const std::size_t before = Count('E');
    PublishMore(10);
    ASSERT_TRUE(EndedReaches(before + 50));
    consumer->Signal(SIGTERM);
    ASSERT_EQ(consumer->Await(), 0);
    consumer = StartConsumer(url(), 200);
  }
  ASSERT_TRUE(AllHandled());
  const LedgerFindings found = Examine(ReadLedger(ledger_), {}, {});
  EXPECT_THAT(found.violations, ::testing::IsEmpty());
  EXPECT_THAT(found.overlaps, ::testing::IsEmpty());
  EXPECT_EQ(found.handled, published());
  EXPECT_EQ(found.reruns, 0U);
}

INSTANTIATE_TEST_SUITE_P(Rolling, AcknowledgingEitherWay, ::testing::Bool(),
                         [](const auto& cumulative) { return cumulative.param ? "cumulatively" : "explicitly"; });

}  // namespace
}  // namespace penstock::testing
