// SPDX-License-Identifier: Apache-2.0
#include "naming/pattern.h"

#include <gtest/gtest.h>

#include <string>

#include "../refusal.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

TEST(PatternTest, TakesWholeTokensAndARestAtTheEnd) {
  for (const std::string& pattern :
       {std::string(">"), std::string("*"), std::string("chat.*"), std::string("chat.>"), std::string("*.eu.*"),
        std::string("*.*.>"), std::string("a-b.*.c_d"), std::string(253, 'x') + ".*"}) {
    EXPECT_TRUE(IsPattern(pattern)) << pattern;
    EXPECT_THAT(CheckPattern("subscribe to", pattern), IsAccepted()) << pattern;
  }
}

TEST(PatternTest, RefusesEverythingElseWithTheRemedy) {
  for (const std::string& pattern :
       {std::string("a.>.b"), std::string(">.a"), std::string("a*"), std::string("*a.b"), std::string("a.b>"),
        std::string(">>"), std::string("**"), std::string(".*"), std::string("*."), std::string("a..*"),
        std::string("a b.*"), std::string("a\r\nPUB x 0\r\n.*"), std::string("_INBOX.>"), std::string("$JS.>"),
        std::string(298, 'x') + ".*"}) {
    EXPECT_TRUE(IsPattern(pattern)) << pattern;
    const absl::Status refusal = CheckPattern("subscribe to", pattern);
    EXPECT_EQ(refusal.code(), absl::StatusCode::kInvalidArgument) << pattern;
    EXPECT_NE(refusal.message().find("such as chat.*"), absl::string_view::npos) << refusal;
    EXPECT_EQ(refusal.message().find('\n'), absl::string_view::npos) << refusal;
  }
}

TEST(PatternTest, ATopicIsNone) {
  EXPECT_FALSE(IsPattern("chat.general"));
  EXPECT_FALSE(IsPattern(""));
}

TEST(TopicOfStreamTest, IsTheInverseOfStreamName) {
  for (const std::string& topic :
       {std::string("a"), std::string("a.b"), std::string("a_b"), std::string("a-b"), std::string("-"),
        std::string("_.-"), std::string("a-_.b"), std::string("dead-letters")}) {
    EXPECT_EQ(TopicOfStream("EVENTS", StreamName("EVENTS", topic)), topic);
    EXPECT_EQ(TopicOfStream("EV_S-1", StreamName("EV_S-1", topic)), topic);
  }
}

TEST(TopicOfStreamTest, KnowsTheStreamsOfOthers) {
  for (const std::string& stream :
       {std::string("EVENTS"), std::string("EVENTS_"), std::string("KV_a"), std::string(""), std::string("OTHER_a"),
        std::string("EVENTS_a_"), std::string("EVENTS__a"), std::string("EVENTS_a-"), std::string("EVENTS_a-b"),
        std::string("EVENTSa"), DeadLetterStreamName("EVENTS"), std::string("EVENTS_a b")}) {
    EXPECT_EQ(TopicOfStream("EVENTS", stream), std::nullopt) << stream;
  }
}

}  // namespace
}  // namespace penstock::eventbus
