// SPDX-License-Identifier: Apache-2.0
#include "naming/subject.h"

#include <gtest/gtest.h>

namespace penstock::eventbus {
namespace {

TEST(SubjectTest, APatternWithoutWildcardsTakesOnlyItself) {
  EXPECT_TRUE(SubjectMatches("chat.room", "chat.room"));
  EXPECT_FALSE(SubjectMatches("chat.room", "chat.rooms"));
  EXPECT_FALSE(SubjectMatches("chat.room", "chat"));
  EXPECT_FALSE(SubjectMatches("chat.room", "chat.room.one"));
}

TEST(SubjectTest, AStarTakesExactlyOneToken) {
  EXPECT_TRUE(SubjectMatches("chat.*", "chat.room"));
  EXPECT_TRUE(SubjectMatches("*.room", "chat.room"));
  EXPECT_FALSE(SubjectMatches("chat.*", "chat"));
  EXPECT_FALSE(SubjectMatches("chat.*", "chat.room.one"));
}

TEST(SubjectTest, AGreaterSignTakesOneOrMoreTokens) {
  EXPECT_TRUE(SubjectMatches("chat.>", "chat.room"));
  EXPECT_TRUE(SubjectMatches("chat.>", "chat.room.one"));
  EXPECT_TRUE(SubjectMatches(">", "chat"));
  EXPECT_FALSE(SubjectMatches("chat.>", "chat"));
  EXPECT_FALSE(SubjectMatches("chat.>", "talk.room"));
}

TEST(SubjectTest, AnEmptyPatternTakesEverything) { EXPECT_TRUE(SubjectMatches("", "chat.room")); }

TEST(SubjectTest, WildcardsAreWholeTokens) {
  EXPECT_FALSE(HasWildcard("chat.a*b"));
  EXPECT_FALSE(HasWildcard("chat.a>"));
  EXPECT_TRUE(HasWildcard("chat.*.x"));
  EXPECT_TRUE(HasWildcard("chat.>"));
  EXPECT_FALSE(SubjectMatches("chat.a*", "chat.ab"));
}

TEST(SubjectTest, PatternsOverlapWhenOneSubjectFitsBoth) {
  EXPECT_TRUE(SubjectsOverlap("chat.*", "*.room"));
  EXPECT_TRUE(SubjectsOverlap("chat.>", "chat.*.x"));
  EXPECT_TRUE(SubjectsOverlap("chat", "chat"));
  EXPECT_FALSE(SubjectsOverlap("chat.>", "chat"));
  EXPECT_FALSE(SubjectsOverlap("chat.*", "chat.room.x"));
  EXPECT_FALSE(SubjectsOverlap("a.b", "a_b"));
}

TEST(SubjectTest, APatternCoversWhatItTakesWhole) {
  EXPECT_TRUE(SubjectCovers("chat.room", "chat.room"));
  EXPECT_TRUE(SubjectCovers("chat.*", "chat.room"));
  EXPECT_TRUE(SubjectCovers("chat.*", "chat.*"));
  EXPECT_TRUE(SubjectCovers("chat.>", "chat.*.x"));
  EXPECT_TRUE(SubjectCovers("chat.>", "chat.>"));
  EXPECT_TRUE(SubjectCovers(">", "chat.>"));
}

TEST(SubjectTest, APatternDoesNotCoverWhatItTakesInPart) {
  EXPECT_FALSE(SubjectCovers("chat.room", "chat.*"));
  EXPECT_FALSE(SubjectCovers("chat.*", "chat.>"));
  EXPECT_FALSE(SubjectCovers("chat.room.>", "chat.>"));
  EXPECT_FALSE(SubjectCovers("chat.>", "chat"));
  EXPECT_FALSE(SubjectCovers("chat.*", "chat.room.x"));
  EXPECT_FALSE(SubjectCovers("chat.*", "chat"));
  EXPECT_FALSE(SubjectCovers("chat", "talk"));
}

}  // namespace
}  // namespace penstock::eventbus
