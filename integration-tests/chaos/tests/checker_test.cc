// SPDX-License-Identifier: Apache-2.0
// Each class of violation, planted into a history that is otherwise right.
#include "chaos/checker.h"

#include <gmock/gmock.h>

#include <cstddef>
#include <cstdint>

namespace penstock::chaos {
namespace {

constexpr std::uint32_t kKey = 7;

/// Writes histories: time goes on by one with each record, and events are stored in the order of their numbers.
class CheckerTest : public ::testing::Test {
 protected:
  CheckerTest() { history_.consumers.emplace_back(); }

  Record Line(Entry kind, std::uint32_t n, Result result = Result::kNone) {
    return {.time_ns = ++now_, .stream_sequence = n, .event = {kKey, n}, .kind = kind, .result = result};
  }
  void Attempt(std::uint32_t n) {
    Record record = Line(Entry::kAttempt, n);
    record.stream_sequence = 0;
    history_.published.push_back(record);
    history_.stored = std::max<std::uint64_t>(history_.stored, n);
  }
  void Publish(std::uint32_t count) {
    for (std::uint32_t n = 1; n <= count; ++n) {
      Attempt(n);
      history_.published.push_back(Line(Entry::kAcked, n));
    }
  }
  std::vector<Record>& Current() { return history_.consumers.back().records; }
  void Start(std::uint32_t n) { Current().push_back(Line(Entry::kStart, n)); }
  void End(std::uint32_t n, Result result = Result::kDone) { Current().push_back(Line(Entry::kEnd, n, result)); }
  void Handle(std::uint32_t n, Result result = Result::kDone) {
    Start(n);
    End(n, result);
  }
  void Restart(bool killed) {
    if (killed) history_.consumers.back().killed_ns = ++now_;
    history_.consumers.emplace_back();
  }
  Findings Found() const { return Check(history_); }

  History history_{};
  std::int64_t now_ = 0;
};

void ExpectNothingWrong(const Findings& found) {
  EXPECT_EQ(found.lost, 0u);
  EXPECT_EQ(found.unexpected, 0u);
  EXPECT_EQ(found.duplicated_in_stream, 0u);
  EXPECT_EQ(found.order_violations, 0u);
  EXPECT_EQ(found.concurrent_handlers, 0u);
  EXPECT_EQ(found.reruns_without_crash, 0u);
  EXPECT_EQ(found.wrongly_dead_lettered, 0u);
}

TEST_F(CheckerTest, FindsNothingInAHistoryThatIsRight) {
  Publish(5);
  Handle(1);
  Handle(2, Result::kFailed);
  Handle(2);
  Handle(3, Result::kRejected);
  history_.dead_letters = history_.poison = {{kKey, 3}};
  Handle(4);
  Handle(5);
  const Findings found = Found();
  ExpectNothingWrong(found);
  EXPECT_EQ(found.published, 5u);
  EXPECT_EQ(found.acked, 5u);
  EXPECT_EQ(found.handled, 4u);
  EXPECT_EQ(found.dead_lettered, 1u);
}

TEST_F(CheckerTest, TellsWhatIsLostAtTheBeginningInTheMiddleAndAtTheEndOfAKey) {
  Publish(7);
  for (const std::uint32_t n : {3, 5}) Handle(n);
  const Findings found = Found();
  EXPECT_EQ(found.lost, 5u);
  EXPECT_EQ(found.lost_prefix, 2u);
  EXPECT_EQ(found.lost_middle, 1u);
  EXPECT_EQ(found.lost_postfix, 2u);
}

TEST_F(CheckerTest, CountsAPrefixAlone) {
  Publish(2);
  Handle(2);
  EXPECT_EQ(Found().lost_prefix, 1u);
  EXPECT_EQ(Found().lost, 1u);
}

TEST_F(CheckerTest, CountsAMiddleAlone) {
  Publish(3);
  Handle(1);
  Handle(3);
  EXPECT_EQ(Found().lost_middle, 1u);
  EXPECT_EQ(Found().lost, 1u);
}

TEST_F(CheckerTest, CountsAPostfixAlone) {
  Publish(2);
  Handle(1);
  EXPECT_EQ(Found().lost_postfix, 1u);
  EXPECT_EQ(Found().lost, 1u);
}

TEST_F(CheckerTest, CountsPoisonWithoutADeadLetterAsLost) {
  Publish(1);
  Handle(1, Result::kRejected);
  history_.poison = {{kKey, 1}};
  EXPECT_EQ(Found().lost, 1u);
}

TEST_F(CheckerTest, CountsAHandlerThatNeverEndedAsLost) {
  Publish(1);
  Start(1);
  Restart(true);
  EXPECT_EQ(Found().lost, 1u);
}

TEST_F(CheckerTest, DoesNotMissWhatWasNeverAcknowledged) {
  Publish(1);
  Handle(1);
  Attempt(2);
  EXPECT_EQ(Found().lost, 0u);
}

TEST_F(CheckerTest, AcceptsWhatWasHandledThoughItsAcknowledgementNeverCame) {
  Attempt(1);
  Handle(1);
  ExpectNothingWrong(Found());
}

TEST_F(CheckerTest, FindsAnEventThatNobodyPublished) {
  Publish(1);
  Handle(1);
  Handle(2);
  EXPECT_EQ(Found().unexpected, 1u);
}

TEST_F(CheckerTest, FindsAnEventOfAKeyThatNobodyPublished) {
  Handle(1);
  EXPECT_EQ(Found().unexpected, 1u);
}

TEST_F(CheckerTest, FindsAPayloadThatIsNoneOfTheRuns) {
  Publish(1);
  Handle(1);
  Current().push_back(Line(Entry::kStart, 1, Result::kUnexpected));
  EXPECT_EQ(Found().unexpected, 1u);
}

TEST_F(CheckerTest, FindsDeadLettersOfEventsThatNobodyPublished) {
  Publish(1);
  Handle(1);
  history_.dead_letters = {{kKey, 2}, {kKey + 1, 1}};
  history_.unreadable_dead_letters = 1;
  EXPECT_EQ(Found().unexpected, 3u);
}

TEST_F(CheckerTest, FindsADeadLetterThatIsNoPoison) {
  Publish(1);
  history_.dead_letters = {{kKey, 1}};
  EXPECT_EQ(Found().wrongly_dead_lettered, 1u);
  EXPECT_EQ(Found().lost, 0u);
}

TEST_F(CheckerTest, FindsAnEventThatIsStoredTwice) {
  Publish(2);
  Handle(1);
  Handle(2);
  Restart(true);
  Start(1);
  Current().back().stream_sequence = 3;
  End(1);
  Current().back().stream_sequence = 3;
  EXPECT_EQ(Found().duplicated_in_stream, 1u);
}

TEST_F(CheckerTest, FindsMoreInTheStreamThanWasPublished) {
  Publish(2);
  Handle(1);
  Handle(2);
  history_.stored = 4;
  EXPECT_EQ(Found().duplicated_in_stream, 2u);
}

TEST_F(CheckerTest, FindsTwoEventsOfAKeyHandledTheWrongWayRound) {
  Publish(3);
  Handle(1);
  Handle(3);
  Handle(2);
  EXPECT_EQ(Found().order_violations, 1u);
  EXPECT_EQ(Found().lost, 0u);
}

TEST_F(CheckerTest, FindsAHandlerThatOvertakesOneThatFailed) {
  Publish(2);
  Handle(1, Result::kFailed);
  Handle(2);
  Handle(1);
  EXPECT_EQ(Found().order_violations, 1u);
}

TEST_F(CheckerTest, FindsAHandlerThatOvertakesACrash) {
  Publish(2);
  Start(1);
  Restart(true);
  Handle(2);
  Handle(1);
  EXPECT_EQ(Found().order_violations, 1u);
}

TEST_F(CheckerTest, FindsAHandlerThatBeginsBeforeTheOneBeforeItHasEnded) {
  Publish(2);
  Start(1);
  Start(2);
  End(1);
  End(2);
  EXPECT_EQ(Found().order_violations, 1u);
  EXPECT_EQ(Found().concurrent_handlers, 1u);
}

TEST_F(CheckerTest, FindsTwoHandlersOfOneEventSideBySide) {
  Publish(1);
  Start(1);
  Start(1);
  End(1);
  EXPECT_EQ(Found().concurrent_handlers, 1u);
}

TEST_F(CheckerTest, FindsHandlersOfTwoLivingProcessesSideBySide) {
  Publish(1);
  Start(1);
  Restart(false);
  Handle(1);
  EXPECT_EQ(Found().concurrent_handlers, 1u);
}

TEST_F(CheckerTest, DoesNotTakeAHandlerThatWasKilledForARunningOne) {
  Publish(1);
  Start(1);
  Restart(true);
  Handle(1);
  ExpectNothingWrong(Found());
  EXPECT_EQ(Found().reruns_after_crash, 0u);
}

TEST_F(CheckerTest, LetsDifferentKeysRunSideBySideAndInAnyOrder) {
  Publish(1);
  for (const Entry kind : {Entry::kAttempt, Entry::kAcked}) {
    Record record = Line(kind, 1);
    record.event.key = kKey + 1;
    record.stream_sequence = kind == Entry::kAcked ? 2 : 0;
    history_.published.push_back(record);
  }
  Record other = Line(Entry::kStart, 1);
  other.event.key = kKey + 1;
  other.stream_sequence = 2;
  Current().push_back(other);
  Handle(1);
  other.kind = Entry::kEnd;
  other.result = Result::kDone;
  other.time_ns = ++now_;
  Current().push_back(other);
  history_.stored = 2;
  ExpectNothingWrong(Found());
}

TEST_F(CheckerTest, FindsARerunWithinOneProcess) {
  Publish(2);
  Handle(1);
  Handle(2);
  Handle(1);
  EXPECT_EQ(Found().reruns_without_crash, 1u);
  EXPECT_EQ(Found().order_violations, 0u);
}

TEST_F(CheckerTest, FindsARerunAfterAnOrderlyRestart) {
  Publish(1);
  Handle(1);
  Restart(false);
  Handle(1);
  EXPECT_EQ(Found().reruns_without_crash, 1u);
  EXPECT_EQ(Found().reruns_after_crash, 0u);
}

TEST_F(CheckerTest, FindsARerunWithoutACrashWhereTheCrashWasBefore) {
  Publish(1);
  Restart(true);
  Handle(1);
  Handle(1);
  EXPECT_EQ(Found().reruns_without_crash, 1u);
  EXPECT_EQ(Found().reruns_after_crash, 0u);
}

TEST_F(CheckerTest, CountsRerunsOfEachCrash) {
  Publish(3);
  for (const std::uint32_t n : {1, 2, 3}) Handle(n);
  Restart(true);
  Handle(3);
  Restart(true);
  for (const std::uint32_t n : {2, 3}) Handle(n);
  const Findings found = Found();
  ExpectNothingWrong(found);
  EXPECT_EQ(found.consumer_crashes, 2u);
  EXPECT_EQ(found.reruns_after_crash, 3u);
  EXPECT_EQ(found.max_reruns_per_crash, 2u);
  EXPECT_EQ(found.handled, 3u);
}

TEST_F(CheckerTest, HoldsRerunsAfterACrashAgainstTheWindowThatTheDeadProcessHad) {
  Publish(3);
  for (const std::uint32_t n : {1, 2, 3}) Handle(n);
  history_.consumers.back().window = 3;  // widened, whatever the credit was
  Restart(true);
  for (const std::uint32_t n : {1, 2, 3}) Handle(n);
  EXPECT_EQ(Found().reruns_beyond_window, 0u);
  history_.consumers.front().window = 1;
  EXPECT_EQ(Found().reruns_beyond_window, 2u);
}

TEST_F(CheckerTest, CountsWhatWasWrittenWhileItWasBeingKilledToTheCrash) {
  Publish(1);
  const std::int64_t killed = now_;
  Handle(1);
  history_.consumers.back().killed_ns = killed;
  Restart(false);
  Handle(1);
  EXPECT_EQ(Found().reruns_after_crash, 1u);
  EXPECT_EQ(Found().reruns_without_crash, 0u);
}

TEST_F(CheckerTest, FindsRerunsAfterACrashThatAreOutOfOrder) {
  Publish(3);
  for (const std::uint32_t n : {1, 2, 3}) Handle(n);
  Restart(true);
  Handle(3);
  Handle(2);
  EXPECT_EQ(Found().order_violations, 1u);
  EXPECT_EQ(Found().reruns_after_crash, 2u);
}

TEST_F(CheckerTest, FindsNothingInNothing) {
  const Findings found = Check({});
  ExpectNothingWrong(found);
  EXPECT_EQ(found.acked, 0u);
}

TEST_F(CheckerTest, TakesRecordsOfNumberNoughtForUnexpected) {
  Publish(1);
  Handle(1);
  Start(0);
  EXPECT_EQ(Found().unexpected, 1u);
}

}  // namespace
}  // namespace penstock::chaos
