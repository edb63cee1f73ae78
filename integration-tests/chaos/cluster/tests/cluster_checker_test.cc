// SPDX-License-Identifier: Apache-2.0
// Each class of finding, planted into a history of three processes that is otherwise right.
#include "chaos/cluster/cluster_checker.h"

#include <gmock/gmock.h>

#include <cstddef>
#include <cstdint>

namespace penstock::chaos {
namespace {

constexpr std::uint32_t kKey = 7;
constexpr std::int64_t kSecond = 1'000'000'000;

/// Writes histories: time goes on by a millisecond with each record, and events are stored in the order of their
/// numbers.
class ClusterCheckerTest : public ::testing::Test {
 protected:
  ClusterCheckerTest() { history_.books.consumers.resize(3); }

  void Publish(std::uint32_t count) {
    for (std::uint32_t n = 1; n <= count; ++n) {
      Written(Entry::kAttempt, n, 0);
      Written(Entry::kAcked, n, n);
      history_.stored.push_back({n, {kKey, n}});
    }
    history_.books.stored = count;
  }
  void Written(Entry kind, std::uint32_t n, std::uint64_t sequence) {
    history_.books.published.push_back(
        {.time_ns = Later(), .stream_sequence = sequence, .event = {kKey, n}, .kind = kind});
  }
  void Start(std::size_t life, std::uint32_t n) { Work(life, n, Entry::kStart, Result::kNone); }
  void End(std::size_t life, std::uint32_t n, Result result = Result::kDone) { Work(life, n, Entry::kEnd, result); }
  void Handle(std::size_t life, std::uint32_t n) {
    Start(life, n);
    End(life, n);
  }
  void Kill(std::size_t life, std::size_t window) {
    history_.books.consumers[life].killed_ns = Later();
    history_.books.consumers[life].window = window;
  }
  Disturbance& Disturb(bool route_cut, std::vector<std::size_t> cut_off = {}) {
    history_.disturbances.push_back({.begin_ns = Later(),
                                     .calm_ns = now_ + 10 * kSecond,
                                     .route_cut = route_cut,
                                     .consumer_deleted = false,
                                     .cut_off = std::move(cut_off)});
    return history_.disturbances.back();
  }
  void Pass(std::int64_t time_ns) { now_ += time_ns; }
  ClusterFindings Found() const { return CheckCluster(history_); }

  ClusterHistory history_{};

 private:
  std::int64_t Later() { return now_ += kSecond / 1000; }
  void Work(std::size_t life, std::uint32_t n, Entry kind, Result result) {
    history_.books.consumers[life].records.push_back(
        {.time_ns = Later(), .stream_sequence = n, .event = {kKey, n}, .kind = kind, .result = result});
  }

  std::int64_t now_ = 100 * kSecond;
};

std::uint64_t Wrong(const ClusterFindings& found) {
  return found.overlaps.total() + found.concurrent_in_process.total() + found.begun_after_later.total() +
         found.publish_inversions + found.inversions_after_failure + found.stored_twice +
         found.reruns_owner_stayed.total() + found.reruns_living_owner.total() + found.reruns_cut_off_owner.total() +
         found.reruns_after_crash + found.reruns_after_deletion;
}

TEST_F(ClusterCheckerTest, FindsNothingInATakeOverThatIsRight) {
  Publish(4);
  Handle(0, 1);
  Start(0, 2);
  End(0, 2, Result::kFailed);
  Handle(0, 2);
  Handle(1, 3);
  Handle(1, 4);
  EXPECT_EQ(Wrong(Found()), 0u);
  EXPECT_EQ(Found().basics.handled, 4u);
  EXPECT_EQ(Found().basics.lost, 0u);
}

TEST_F(ClusterCheckerTest, FindsHandlersOfOneKeyInTwoProcesses) {
  Publish(2);
  Start(0, 1);
  Start(1, 2);
  End(0, 1);
  End(1, 2);
  EXPECT_EQ(Found().overlaps.elsewhere, 1u);
  EXPECT_EQ(Found().overlaps.across_cut, 0u);
  EXPECT_EQ(Found().concurrent_in_process.total(), 0u);
}

TEST_F(ClusterCheckerTest, CountsWhatHappensAcrossARouteCutApart) {
  Publish(2);
  Disturb(true);
  Start(0, 1);
  Start(1, 2);
  End(0, 1);
  End(1, 2);
  EXPECT_EQ(Found().overlaps.across_cut, 1u);
  EXPECT_EQ(Found().overlaps.elsewhere, 0u);
}

TEST_F(ClusterCheckerTest, CountsWhatHappensWhenAllIsWellAgainWithTheRest) {
  Publish(2);
  Disturb(true).calm_ns = 100 * kSecond;
  Start(0, 1);
  Start(1, 2);
  EXPECT_EQ(Found().overlaps.elsewhere, 1u);
}

TEST_F(ClusterCheckerTest, AHandlerOfAKilledProcessRunsNoMore) {
  Publish(1);
  Start(0, 1);
  Kill(0, 10);
  Handle(1, 1);
  EXPECT_EQ(Wrong(Found()), 0u);
}

TEST_F(ClusterCheckerTest, FindsHandlersOfOneKeyInOneProcess) {
  Publish(2);
  Start(0, 1);
  Start(0, 2);
  EXPECT_EQ(Found().concurrent_in_process.total(), 1u);
  EXPECT_EQ(Found().overlaps.total(), 0u);
}

TEST_F(ClusterCheckerTest, FindsOneThatBeganAfterALaterOneInAnotherProcess) {
  Publish(3);
  Handle(0, 1);
  Handle(0, 3);
  Handle(1, 2);
  EXPECT_EQ(Found().begun_after_later.total(), 1u);
  EXPECT_EQ(Wrong(Found()), 1u);
}

TEST_F(ClusterCheckerTest, TakesTheOrderOfTheStreamAndNotThatOfThePublisher) {
  for (const std::uint32_t n : {2, 1}) Written(Entry::kAttempt, n, 0);
  history_.stored = {{1, {kKey, 2}}, {2, {kKey, 1}}};
  history_.books.consumers[0].records = {
      {.time_ns = 1, .stream_sequence = 1, .event = {kKey, 2}, .kind = Entry::kStart},
      {.time_ns = 2, .stream_sequence = 1, .event = {kKey, 2}, .kind = Entry::kEnd, .result = Result::kDone},
      {.time_ns = 3, .stream_sequence = 2, .event = {kKey, 1}, .kind = Entry::kStart},
      {.time_ns = 4, .stream_sequence = 2, .event = {kKey, 1}, .kind = Entry::kEnd, .result = Result::kDone}};
  EXPECT_EQ(Found().begun_after_later.total(), 0u);
  EXPECT_EQ(Found().publish_inversions, 1u);
}

TEST_F(ClusterCheckerTest, RerunsInOrderOfADeadProcessAreNoViolationOfOrder) {
  Publish(2);
  Handle(0, 1);
  Handle(0, 2);
  Kill(0, 2);
  Handle(1, 1);
  Handle(1, 2);
  EXPECT_EQ(Found().begun_after_later.total(), 0u);
  EXPECT_EQ(Found().reruns_after_crash, 2u);
  EXPECT_EQ(Found().reruns_beyond_window, 0u);
}

TEST_F(ClusterCheckerTest, FindsRerunsOutOfOrderWithinTheSuccessor) {
  Publish(2);
  Handle(0, 1);
  Handle(0, 2);
  Kill(0, 2);
  Handle(1, 2);
  Handle(1, 1);
  EXPECT_EQ(Found().begun_after_later.total(), 1u);
}

TEST_F(ClusterCheckerTest, FindsMoreRerunsAfterACrashThanTheWindowHeld) {
  Publish(3);
  for (const std::uint32_t n : {1, 2, 3}) Handle(0, n);
  Kill(0, 2);
  for (const std::uint32_t n : {1, 2, 3}) Handle(1, n);
  EXPECT_EQ(Found().reruns_after_crash, 3u);
  EXPECT_EQ(Found().reruns_beyond_window, 1u);
}

TEST_F(ClusterCheckerTest, TellsApartEventsWhosePublishHadFailed) {
  Publish(1);
  for (const std::uint32_t n : {2, 3, 4}) Written(Entry::kAttempt, n, 0);
  Written(Entry::kFailedPublish, 3, 0);
  history_.stored = {{1, {kKey, 1}}, {2, {kKey, 4}}, {3, {kKey, 2}}, {4, {kKey, 3}}};
  EXPECT_EQ(Found().publish_inversions, 1u);
  EXPECT_EQ(Found().inversions_after_failure, 1u);
}

TEST_F(ClusterCheckerTest, FindsWhatIsStoredTwice) {
  Publish(2);
  history_.stored.push_back({3, {kKey, 1}});
  EXPECT_EQ(Found().stored_twice, 1u);
  EXPECT_EQ(Found().publish_inversions, 0u);
}

TEST_F(ClusterCheckerTest, FindsARerunByTheProcessThatStayedTheOwner) {
  Publish(2);
  Handle(0, 1);
  Handle(0, 1);
  EXPECT_EQ(Found().reruns_owner_stayed.elsewhere, 1u);
  EXPECT_EQ(Found().reruns_living_owner.total(), 0u);
}

TEST_F(ClusterCheckerTest, FindsARerunThatNoCutOffExcuses) {
  Publish(1);
  Handle(0, 1);
  Handle(1, 1);
  EXPECT_EQ(Found().reruns_living_owner.elsewhere, 1u);
  EXPECT_EQ(Wrong(Found()), 1u);
}

TEST_F(ClusterCheckerTest, CountsRerunsOfAnOwnerThatWasCutOffApart) {
  Publish(1);
  Handle(0, 1);
  Disturb(false, {0});
  Handle(1, 1);
  EXPECT_EQ(Found().reruns_cut_off_owner.total(), 1u);
  EXPECT_EQ(Wrong(Found()), 1u);
}

TEST_F(ClusterCheckerTest, ACutOffExcusesTheLastSecondOfTheOwnerOnly) {
  Publish(3);
  Disturb(false, {0});
  Handle(0, 1);
  Pass(2 * kSecond);
  Handle(0, 2);
  Handle(1, 1);
  Handle(1, 2);
  EXPECT_EQ(Found().reruns_living_owner.elsewhere, 1u) << "the cluster had two seconds to learn of the first";
  EXPECT_EQ(Found().reruns_cut_off_owner.total(), 1u);
}

TEST_F(ClusterCheckerTest, WhatWasFinishedLongBeforeTheCutOffIsNotExcused) {
  Publish(1);
  Handle(0, 1);
  Pass(2 * kSecond);
  Disturb(false, {0});
  Handle(1, 1);
  EXPECT_EQ(Found().reruns_living_owner.elsewhere, 1u);
  EXPECT_EQ(Found().reruns_cut_off_owner.total(), 0u);
}

TEST_F(ClusterCheckerTest, ACutOffOfAnotherProcessExcusesNothing) {
  Publish(1);
  Handle(0, 1);
  Disturb(false, {2});
  Handle(1, 1);
  EXPECT_EQ(Found().reruns_living_owner.elsewhere, 1u);
}

TEST_F(ClusterCheckerTest, TellsRerunsAfterADeletionBelowTheFloorApart) {
  Publish(3);
  Handle(0, 1);
  Handle(0, 2);
  Pass(2 * kSecond);
  Handle(0, 3);
  Disturb(false).consumer_deleted = true;
  for (const std::uint32_t n : {1, 2, 3}) Handle(1, n);
  EXPECT_EQ(Found().reruns_after_deletion, 3u);
  EXPECT_EQ(Found().reruns_below_floor, 2u);
}

TEST_F(ClusterCheckerTest, TheFloorIsBelowTheFirstThatIsNotSettled) {
  Publish(3);
  Handle(0, 1);
  Handle(0, 3);
  Pass(2 * kSecond);
  Disturb(false).consumer_deleted = true;
  Handle(1, 3);
  EXPECT_EQ(Found().reruns_after_deletion, 1u);
  EXPECT_EQ(Found().reruns_below_floor, 0u);
}

TEST_F(ClusterCheckerTest, FindsWhatWasLost) {
  Publish(3);
  Handle(0, 1);
  Handle(1, 3);
  EXPECT_EQ(Found().basics.lost, 1u);
  EXPECT_EQ(Found().basics.lost_middle, 1u);
}

}  // namespace
}  // namespace penstock::chaos
