// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/loss_detector.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::uint64_t kPatience = LossDetector::kPatience;
constexpr std::uint64_t kLongestPatience = LossDetector::kLongestPatience;

Sending SentAt(std::uint64_t number, std::uint64_t look) {
  Sending sending;
  LossDetector::Sent(sending, number, look);
  return sending;
}

// The look at which it is found lost, from `look` on; 0: not within a hundred.
std::uint64_t LostAt(const LossDetector& detector, Sending& sending, std::uint64_t look) {
  for (std::uint64_t end = look + 100; look < end; ++look) {
    if (detector.Lost(sending, look)) return look;
  }
  return 0;
}

TEST(LossDetectorTest, OneThatWasNotSentIsNotLost) {
  const LossDetector detector;
  Sending sending;
  EXPECT_EQ(LostAt(detector, sending, 1), 0U);
}

TEST(LossDetectorTest, WithoutAnyAcknowledgementTimeDecides) {
  const LossDetector detector;
  Sending sending = SentAt(1, 10);
  EXPECT_EQ(LostAt(detector, sending, 11), 10 + kPatience);
}

TEST(LossDetectorTest, TheSecondAttemptIsGivenLonger) {
  const LossDetector detector;
  Sending sending = SentAt(1, 10);
  LossDetector::Sent(sending, 2, 18);
  EXPECT_EQ(sending.attempts, 2U);
  EXPECT_EQ(LostAt(detector, sending, 19), 18 + kLongestPatience);
}

TEST(LossDetectorTest, OneThatWasOvertakenIsLostALookLater) {
  LossDetector detector;
  Sending sending = SentAt(1, 10);
  detector.Acknowledged(SentAt(2, 10), 10);
  EXPECT_EQ(LostAt(detector, sending, 11), 12U);
}

TEST(LossDetectorTest, OneThatWasSentAgainIsOvertakenAnewOnly) {
  LossDetector detector;
  Sending sending = SentAt(1, 10);
  detector.Acknowledged(SentAt(2, 10), 10);
  ASSERT_EQ(LostAt(detector, sending, 11), 12U);
  LossDetector::Sent(sending, 3, 12);
  EXPECT_FALSE(detector.Lost(sending, 13));
  detector.Acknowledged(SentAt(4, 12), 13);
  EXPECT_EQ(LostAt(detector, sending, 14), 15U);
}

// A server that is behind, yet works through its queue, is not given everything twice.
TEST(LossDetectorTest, AsLongAsAcknowledgementsOfEarlierOnesComeNoneIsLost) {
  LossDetector detector;
  Sending last = SentAt(100, 10);
  std::uint64_t look = 11;
  for (std::uint64_t number = 1; number < 100; ++number, ++look) {
    detector.Acknowledged(SentAt(number, 10), look);
    ASSERT_FALSE(detector.Lost(last, look)) << number;
  }
  EXPECT_EQ(LostAt(detector, last, look), look - 1 + kPatience);
}

// It may answer the first attempt, which was sent before those that it would prove lost.
TEST(LossDetectorTest, AnAcknowledgementOfOneSentTwiceProvesNothing) {
  LossDetector detector;
  Sending twice = SentAt(1, 10);
  Sending other = SentAt(2, 10);
  LossDetector::Sent(twice, 3, 12);
  detector.Acknowledged(twice, 12);
  EXPECT_EQ(LostAt(detector, other, 13), 10 + kPatience);
}

TEST(LossDetectorTest, AnUnclearAnswerIsAskedForAgainMoreAndMoreSeldom) {
  const LossDetector detector;
  Sending sending = SentAt(1, 10);
  for (const std::uint64_t pause : {1, 2, 3, 4, 4, 4}) {
    const std::uint64_t look = sending.look;
    LossDetector::Unclear(sending, look);
    EXPECT_EQ(LostAt(detector, sending, look), look + pause);
    LossDetector::Sent(sending, sending.number + 1, look + pause);
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
