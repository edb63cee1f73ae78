// SPDX-License-Identifier: Apache-2.0
#include "stop_signals.h"

#include <gtest/gtest.h>
#include <signal.h>
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

TEST(StopSignalsTest, BlocksNoSignal) {
  const auto signals = Watch();
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  for (const int signal : {SIGTERM, SIGINT}) EXPECT_EQ(sigismember(&mask, signal), 0);
}

TEST(StopSignalsTest, TakesASignalThatTheOtherThreadsBlock) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto signals = Watch();
  kill(getpid(), SIGTERM);
  signals->WaitForStop();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(StopSignalsTest, TellsEveryOneOfTheProcess) {
  const auto one = Watch();
  auto other = Watch();
  other.reset();
  const auto another = Watch();
  kill(getpid(), SIGINT);
  one->WaitForStop();
  another->WaitForStop();
}

TEST(StopSignalsTest, LeavesAForkedChildToItsSignals) {
  const auto signals = Watch();
  for (const int signal : {SIGTERM, SIGINT}) EXPECT_EXIT(raise(signal), testing::KilledBySignal(signal), "");
  EXPECT_FALSE(signals->stop_token().stop_requested());
}

TEST(StopSignalsTest, BeginsAnewInAForkedChild) {
  const auto inherited = Watch();
  const auto stop_in_the_child = [&] {
    const auto signals = Watch();
    kill(getpid(), SIGTERM);
    signals->WaitForStop();
    std::_Exit(inherited->stop_token().stop_requested() ? 1 : 0);
  };
  EXPECT_EXIT(stop_in_the_child(), testing::ExitedWithCode(0), "");
  EXPECT_FALSE(inherited->stop_token().stop_requested());
}

TEST(StopSignalsTest, RestoresWhatTheSignalsDidWhenTheLastOneGoes) {
  auto one = Watch();
  Watch().reset();
  struct sigaction action {};
  sigaction(SIGTERM, nullptr, &action);
  EXPECT_NE(action.sa_handler, SIG_DFL);
  one.reset();
  EXPECT_EXIT(raise(SIGTERM), testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace penstock
