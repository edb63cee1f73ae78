// SPDX-License-Identifier: Apache-2.0
// Each promise about tasks, broken in a history that is otherwise right.
#include "chaos/tasks/task_checker.h"

#include <gmock/gmock.h>

#include <cstdint>

#include "chaos/tasks/task_report.h"

namespace penstock::chaos {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kKey = 7;
constexpr std::int64_t kSecond = 1'000'000'000;

/// Writes histories of one key: time goes on by 1 ms with each record, and both clocks show the same.
class TaskCheckerTest : public ::testing::Test {
 protected:
  TaskCheckerTest() { history_.lives.emplace_back(); }

  TaskRecord Line(Entry kind, std::uint32_t n, Result result = Result::kNone) {
    now_ += kSecond / 1000;
    return {.record = {.time_ns = now_, .event = {kKey, n}, .kind = kind, .result = result}, .wall_ns = now_};
  }
  /// Sent, and delayed until `due_ns` if that is not 0.
  void Send(std::uint32_t n, std::int64_t due_ns = 0) {
    history_.published.push_back(Line(Entry::kAttempt, n));
    history_.published.back().due_ns = due_ns;
    history_.published.push_back(Line(Entry::kAcked, n));
  }
  void Start(std::uint32_t n, std::uint64_t sequence) {
    history_.lives.back().records.push_back(Line(Entry::kStart, n));
    history_.lives.back().records.back().record.stream_sequence = sequence;
  }
  void End(std::uint32_t n, std::uint64_t sequence, std::uint64_t counted, Result result = Result::kDone) {
    history_.lives.back().records.push_back(Line(Entry::kEnd, n, result));
    history_.lives.back().records.back().record.stream_sequence = sequence;
    history_.lives.back().records.back().counted = counted;
  }
  /// Stored at `sequence`, which is its place in the key too.
  void Handle(std::uint32_t n, std::uint64_t sequence) {
    Start(n, sequence);
    End(n, sequence, sequence);
    history_.stored = std::max(history_.stored, sequence);
    history_.results.push_back({.task = {kKey, n}, .there = true, .counted = sequence});
  }
  void Await(std::uint32_t n, Result result, std::uint64_t counted, std::int64_t time_ns = 0) {
    history_.published.push_back(Line(Entry::kAwait, n));
    now_ += time_ns;
    history_.published.push_back(Line(Entry::kAwaited, n, result));
    history_.published.back().counted = counted;
  }
  void SendAndHandle(std::uint32_t count) {
    for (std::uint32_t n = 1; n <= count; ++n) Send(n);
    for (std::uint32_t n = 1; n <= count; ++n) Handle(n, n);
  }
  /// All reasons for which a run with this history fails.
  std::vector<std::string> Failures(std::size_t planned) const {
    const TaskReport report{.planned = planned, .findings = CheckTasks(history_)};
    std::vector<std::string> reasons = Losses(report);
    for (const std::string& reason : Violations(report, true)) reasons.push_back(reason);
    return reasons;
  }

  TaskHistory history_{};
  std::int64_t now_ = 1000 * kSecond;
};

TEST_F(TaskCheckerTest, FindsNothingInAHistoryThatIsRight) {
  Send(1);
  Send(2, now_ + kSecond);
  Send(3);
  Handle(1, 1);
  Handle(3, 2);
  now_ += kSecond;
  Start(2, 3);
  End(2, 3, 3, Result::kFailed);
  Handle(2, 3);
  Await(2, Result::kDone, 3);
  EXPECT_THAT(Failures(3), IsEmpty());
  const TaskFindings found = CheckTasks(history_);
  EXPECT_EQ(found.delayed, 1u);
  EXPECT_EQ(found.work.basics.handled, 3u);
  EXPECT_EQ(found.results_kept, 3u);
  EXPECT_EQ(found.awaited, 1u);
}

TEST_F(TaskCheckerTest, FindsADelayedOneThatWasLost) {
  SendAndHandle(1);
  Send(2, now_ + kSecond);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 lost"));
  EXPECT_EQ(CheckTasks(history_).lost_delayed, 1u);
}

TEST_F(TaskCheckerTest, FindsOneThatWasNeverAcknowledged) {
  SendAndHandle(1);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 acked of 2"));
}

TEST_F(TaskCheckerTest, FindsOneThatBeganBeforeItsTime) {
  Send(1, now_ + kSecond);
  Handle(1, 1);
  EXPECT_THAT(Failures(1), ElementsAre("tasks: 1 begun before their time"));
}

TEST_F(TaskCheckerTest, FindsOneThatIsStoredTwice) {
  SendAndHandle(2);
  history_.stored = 3;
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 stored twice"));
}

TEST_F(TaskCheckerTest, FindsTwoThatAreHandledInAnotherOrderThanSent) {
  Send(1);
  Send(2);
  Handle(2, 1);
  Handle(1, 2);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 pairs of a key in another order than promised"));
}

TEST_F(TaskCheckerTest, FindsTwoThatWereDueAtTheSameTimeInAnotherOrderThanSent) {
  const std::int64_t due = now_ + kSecond;
  Send(1, due);
  Send(2, due);
  now_ = due;
  Handle(2, 1);
  Handle(1, 2);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 pairs of a key in another order than promised"));
}

TEST_F(TaskCheckerTest, FindsADelayedOneBeforeOneThatWasStoredBeforeItsTime) {
  const std::int64_t due = now_ + kSecond;
  Send(1, due);
  Send(2);
  now_ = due;
  Handle(1, 1);
  Handle(2, 2);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 pairs of a key in another order than promised"));
}

TEST_F(TaskCheckerTest, FindsADelayedOneBeforeOneThatWasDueEarlier) {
  const std::int64_t due = now_ + 4 * kSecond;
  Send(1, due);
  Send(2, due - kSecond);
  now_ = due;
  Handle(1, 1);
  Handle(2, 2);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 pairs of a key in another order than promised"));
}

TEST_F(TaskCheckerTest, AllowsEitherOrderWhereNoneIsPromised) {
  const std::int64_t due = now_ + kSecond;
  Send(1, due);
  now_ = due + kSecond;
  Send(2);
  Send(3, now_ + kSecond);
  Send(4, now_ + kSecond / 2);  // so shortly before that the relay may not have heard of it
  now_ += 2 * kSecond;
  Handle(2, 1);
  Handle(1, 2);
  Handle(3, 3);
  Handle(4, 4);
  EXPECT_THAT(Failures(4), IsEmpty());
}

TEST_F(TaskCheckerTest, FindsHandlersOfAKeyThatOverlap) {
  Send(1);
  Send(2);
  Start(1, 1);
  Start(2, 2);
  End(1, 1, 1);
  End(2, 2, 2);
  EXPECT_THAT(Failures(2), ElementsAre(HasSubstr("1 handlers that ran beside another of their key in one process")));
}

TEST_F(TaskCheckerTest, FindsHandlersOfAKeyThatOverlapInTwoProcesses) {
  Send(1);
  Send(2);
  Start(1, 1);
  history_.lives.emplace_back();
  Start(2, 2);
  End(2, 2, 2);
  End(1, 1, 1);
  EXPECT_THAT(Failures(2), ElementsAre(HasSubstr("1 handlers that began beside one of their key in another process")));
}

TEST_F(TaskCheckerTest, FindsOneThatBeganAfterALaterOne) {
  Send(1);
  Send(2);
  Handle(2, 2);
  Handle(1, 1);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 begun after a later one of their key"));
}

TEST_F(TaskCheckerTest, FindsOneThatItsProcessHandledAgain) {
  SendAndHandle(1);
  Start(1, 1);
  End(1, 1, 1);
  EXPECT_THAT(Failures(1), ElementsAre("tasks: 1 handled again although the owner stayed the owner"));
}

TEST_F(TaskCheckerTest, AllowsOneThatWasHandledAgainSinceItsStateWasNotSaved) {
  SendAndHandle(1);
  history_.lives.back().records.push_back(Line(Entry::kNotSaved, 1));
  EXPECT_THAT(Failures(1), IsEmpty()) << "it was saved all the same";
  Start(1, 1);
  EXPECT_THAT(Failures(1), Contains("tasks: 1 lost"));
  End(1, 1, 1);
  EXPECT_THAT(Failures(1), IsEmpty());
}

// The first was saved, of which nobody was told; the second read an old state, and could not be saved.
TEST_F(TaskCheckerTest, AllowsThatOfSeveralThatWereNotSavedOneWas) {
  SendAndHandle(1);
  history_.lives.back().records.push_back(Line(Entry::kNotSaved, 1));
  Start(1, 1);
  End(1, 1, 0);
  history_.lives.back().records.push_back(Line(Entry::kNotSaved, 1));
  EXPECT_THAT(Failures(1), IsEmpty());
  End(1, 1, 0);
  EXPECT_THAT(Failures(1), Contains(HasSubstr("whose state had not seen"))) << "that one was saved, as it was told";
}

TEST_F(TaskCheckerTest, FindsOneThatWasHandledAgainThoughItsProcessLived) {
  SendAndHandle(1);
  history_.lives.emplace_back();
  Start(1, 1);
  End(1, 1, 1);
  EXPECT_THAT(Failures(1), ElementsAre("tasks: 1 handled again after a take-over from an owner that lived"));
}

TEST_F(TaskCheckerTest, AllowsOneThatWasHandledAgainAfterACrash) {
  SendAndHandle(1);
  history_.lives.back().killed_ns = now_;
  history_.lives.back().window = 1;
  history_.lives.emplace_back();
  now_ += kSecond;
  Start(1, 1);
  End(1, 1, 1);
  EXPECT_THAT(Failures(1), IsEmpty());
  history_.lives.front().window = 0;
  EXPECT_THAT(Failures(1), ElementsAre(HasSubstr("beyond what the window had held")));
}

TEST_F(TaskCheckerTest, FindsAStateThatHasMissedATaskOrSeenOneTwice) {
  for (const std::uint64_t counted : {1, 3}) {
    history_ = {};
    history_.lives.emplace_back();
    Send(1);
    Send(2);
    Handle(1, 1);
    Start(2, 2);
    End(2, 2, counted);
    EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 whose state had not seen each task before them once")) << counted;
  }
}

TEST_F(TaskCheckerTest, FindsAResultThatIsMissing) {
  SendAndHandle(2);
  history_.results[1] = {.task = {kKey, 2}};
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 handled without a result"));
  history_.not_kept.insert({kKey, 2});
  EXPECT_THAT(Failures(2), IsEmpty());
  EXPECT_EQ(CheckTasks(history_).results_not_kept, 1u);
}

TEST_F(TaskCheckerTest, FindsAResultThatNoHandlerReturned) {
  SendAndHandle(2);
  history_.results[1].counted = 1;
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 with a result that no handler returned"));
  history_.results[1].counted.reset();
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 with a result that no handler returned"));
}

TEST_F(TaskCheckerTest, FindsAWaitThatEndedWithAWrongValueOrError) {
  SendAndHandle(2);
  Await(2, Result::kDone, 1);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 1 waits that ended with a wrong value or error"));
  Await(2, Result::kUnexpected, 2);
  EXPECT_THAT(Failures(2), ElementsAre("tasks: 2 waits that ended with a wrong value or error"));
}

TEST_F(TaskCheckerTest, FindsAWaitThatTimedOutThoughTheTaskWasOver) {
  SendAndHandle(1);
  Await(1, Result::kNone, 0, 5 * kSecond);
  EXPECT_THAT(Failures(1), IsEmpty());
  Await(1, Result::kFailed, 0, 5 * kSecond);
  EXPECT_THAT(Failures(1), IsEmpty());
  Await(1, Result::kNone, 0, 11 * kSecond);
  EXPECT_THAT(Failures(1), ElementsAre(HasSubstr("1 waits that timed out though the task had been over")));
  EXPECT_EQ(CheckTasks(history_).awaits_timed_out, 2u);
  EXPECT_EQ(CheckTasks(history_).awaits_unavailable, 1u);
}

}  // namespace
}  // namespace penstock::chaos
