// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/subject_backoff.h"

#include <gtest/gtest.h>

#include <vector>

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

TEST(SubjectBackoffTest, DoublesUpToASecondUntilAMessageIsStored) {
  SubjectBackoff backoff;
  SubjectBackoff::TimePoint now{};
  for (const milliseconds length :
       std::vector<milliseconds>{milliseconds(100), milliseconds(200), milliseconds(400), milliseconds(800),
                                 milliseconds(1000), milliseconds(1000)}) {
    backoff.Begin(now);
    EXPECT_EQ(backoff.resume() - now, length);
    EXPECT_FALSE(backoff.EndsBy(backoff.resume() - milliseconds(1)));
    EXPECT_TRUE(backoff.active());
    now = backoff.resume();
    EXPECT_TRUE(backoff.EndsBy(now));
    EXPECT_FALSE(backoff.active());
  }
  backoff.Stored();
  backoff.Begin(now);
  EXPECT_EQ(backoff.resume() - now, milliseconds(100));
}

// Answers to what was on its way when it began come in one by one.
TEST(SubjectBackoffTest, AnswersWhileItLastsChangeNothing) {
  SubjectBackoff backoff;
  const SubjectBackoff::TimePoint now{};
  backoff.Begin(now);
  backoff.Begin(now + milliseconds(50));
  backoff.Stored();
  EXPECT_EQ(backoff.resume() - now, milliseconds(100));
  EXPECT_TRUE(backoff.EndsBy(backoff.resume()));
  backoff.Begin(now + milliseconds(100));
  EXPECT_EQ(backoff.resume() - now, milliseconds(300));
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
