// SPDX-License-Identifier: Apache-2.0
#include "consumer_processes.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCredit = 4096;

class OrderSurvivesAKilledConsumer : public ConsumerProcesses {
 protected:
  // Kills `consumer` in the middle of its work; returns when that was.
  std::int64_t KillBusy(std::unique_ptr<ChildProcess>& consumer) {
    PublishMore(100);
    EXPECT_TRUE(EndedReaches(500));
    killed_.insert(consumer->pid());
    const std::int64_t at = MonotonicNs();
    consumer->Signal(SIGKILL);
    EXPECT_EQ(consumer->Await(), 128 + SIGKILL);
    return at;
  }
  void ExpectAllInOrder() {
    ASSERT_TRUE(AllHandled());
    const LedgerFindings found = Examine(ReadLedger(ledger_), killed_, {});
    EXPECT_THAT(found.violations, ::testing::IsEmpty());
    EXPECT_EQ(found.handled, published());
    EXPECT_LE(found.reruns, kCredit);
  }

  std::set<pid_t> killed_;
};

TEST_F(OrderSurvivesAKilledConsumer, WhenItIsStartedAgain) {
  auto consumer = StartConsumer(url());
  KillBusy(consumer);
  const std::int64_t restart = MonotonicNs();
  consumer = StartConsumer(url());
  EXPECT_LT(NextEnd(restart), milliseconds(1000));
  ExpectAllInOrder();
}

TEST_F(OrderSurvivesAKilledConsumer, WhenAnotherStandsBy) {
  auto consumer = StartConsumer(url());
  const auto standby = StartConsumer(url());
  const std::int64_t kill = KillBusy(consumer);
  EXPECT_LT(NextEnd(kill, *killed_.begin()), milliseconds(1000));
  ExpectAllInOrder();
}

TEST_F(OrderSurvivesAKilledConsumer, ThatAcknowledgedCumulatively) {
  cumulative_ = true;
  auto consumer = StartConsumer(url());
  const auto standby = StartConsumer(url());
  const std::int64_t kill = KillBusy(consumer);
  EXPECT_LT(NextEnd(kill, *killed_.begin()), milliseconds(1000));
  ExpectAllInOrder();
}

}  // namespace
}  // namespace penstock::testing
