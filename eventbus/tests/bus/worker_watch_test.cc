// SPDX-License-Identifier: Apache-2.0
#include "bus/worker_watch.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class WorkerWatchTest : public ::testing::Test {
 protected:
  /// Seconds pass in which `waiting` messages wait, and the process uses `cpu_per_second`; how often it was said.
  int Pass(int seconds_passed, std::size_t waiting, milliseconds cpu_per_second) {
    int said = 0;
    for (int i = 0; i < seconds_passed; ++i) {
      sample_.at += seconds(1);
      sample_.cpu += cpu_per_second;
      sample_.finished += 100;
      sample_.waiting = waiting;
      last_ = watch_.Observe(sample_);
      said += last_.has_value();
    }
    return said;
  }

  WorkerWatch watch_{2, 8};
  WorkerWatch::Sample sample_{};
  std::optional<WorkerWatch::Verdict> last_{};
};

TEST_F(WorkerWatchTest, NoticesHandlersThatWaitOncePerPeriod) {
  EXPECT_EQ(Pass(10, 500, milliseconds(20)), 0);
  EXPECT_EQ(Pass(1, 500, milliseconds(20)), 1);
  EXPECT_EQ(last_->cpu_percent, 1);
  EXPECT_EQ(last_->finished, 1000u);
  EXPECT_EQ(last_->waiting, 500u);
  EXPECT_EQ(Pass(20, 500, milliseconds(20)), 2);
}

TEST_F(WorkerWatchTest, SaysNothingWhileHandlersCompute) { EXPECT_EQ(Pass(60, 500, milliseconds(1900)), 0); }

TEST_F(WorkerWatchTest, SaysNothingWhenTheWorkersCatchUpNowAndThen) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Pass(9, 500, milliseconds(20)) + Pass(1, 1, milliseconds(20)), 0);
}

TEST_F(WorkerWatchTest, CountsOnlyTheCoresThatThereAre) {
  watch_ = WorkerWatch(64, 1);
  EXPECT_EQ(Pass(30, 500, milliseconds(600)), 0) << "60 % of the one core";
}

}  // namespace
}  // namespace penstock::eventbus
