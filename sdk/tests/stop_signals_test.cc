// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>

namespace penstock {
namespace {

std::unique_ptr<StopSignals> Watch() {
  auto signals = StopSignals::Watch({});
  EXPECT_TRUE(signals.ok()) << signals.status();
  return std::move(signals).value();
}

TEST(StopSignalsTest, TurnsEitherSignalIntoAStopRequest) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto signals = Watch();
    EXPECT_FALSE(signals->stop_token().stop_requested());
    kill(getpid(), signal);
    signals->WaitForStop();
    EXPECT_TRUE(signals->stop_token().stop_requested());
  }
}

TEST(StopSignalsTest, StopsOnRequestWithoutASignal) {
  const auto signals = Watch();
  signals->RequestStop();
  signals->RequestStop();
  signals->WaitForStop();
}

TEST(StopSignalsTest, EndsTheProcessAtOnceOnASecondSignal) {
  const auto signal_twice = [] {
    const auto signals = Watch();
    kill(getpid(), SIGTERM);
    signals->WaitForStop();
    kill(getpid(), SIGINT);
    std::mutex mutex;
    std::condition_variable never_notified;
    std::unique_lock<std::mutex> lock(mutex);
    never_notified.wait_for(lock, std::chrono::seconds(20));
    std::_Exit(0);
  };
  EXPECT_EXIT(signal_twice(), testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(StopSignalsTest, UnblocksTheSignalsWhenItGoes) {
  Watch().reset();
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);
  EXPECT_EXIT(raise(SIGTERM), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace penstock
