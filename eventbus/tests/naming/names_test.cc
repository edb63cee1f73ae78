// SPDX-License-Identifier: Apache-2.0
#include "naming/names.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../refusal.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

using std::string_literals::operator""s;

// Strings that would be commands to the server, other subjects or other headers if they came through.
const std::vector<std::string> kInjections = {" ",         "a b",      "a\r\nPUB x 0\r\n",
                                              "a\nb",      "a\rb",     "a\tb",
                                              "a\0b"s,     "a\x7F",    "ä",
                                              "a\xC2\xA0", "\xFF",     "*",
                                              "a.*",       ">",        "a.>",
                                              "$JS.",      "$SYS.REQ", "a/b",
                                              "a\\b",      "a:b",      "a,b",
                                              "a\"b",      "{}",       "+",
                                              "%41",       "\u2028",   "\u202Eb",
                                              "a;b"};

TEST(TopicTest, TakesTokensJoinedByDots) {
  for (const std::string& topic :
       {"a"s, "orders"s, "orders.eu.v1"s, "A-b_9"s, "_"s, "-"s, "_INBOXES"s, "a._INBOX"s, std::string(253, 'x')}) {
    EXPECT_THAT(CheckTopic("publish to", topic, "E"), IsAccepted()) << topic;
  }
}

TEST(TopicTest, RefusesEverythingElseInOneLine) {
  std::vector<std::string> topics = kInjections;
  for (const char* broken : {"", ".", "..", ".a", "a.", "a..b", "_INBOX", "_INBOX.x.1", "_R_.x", "_GR_.x"})
    topics.emplace_back(broken);
  topics.emplace_back(256, 'x');
  topics.emplace_back(1'000'000, '\n');
  for (const std::string& topic : topics) {
    const absl::Status status = CheckTopic("publish to", topic, "EVENTS");
    EXPECT_THAT(status, IsRefusedFor("publish to \"")) << testing::PrintToString(topic);
    EXPECT_EQ(status.ToString().find_first_of("\r\n"), std::string::npos);
    EXPECT_LT(status.message().size(), 800U);
  }
}

TEST(TopicTest, NamesTheByteThatIsWrong) {
  EXPECT_THAT(CheckTopic("subscribe to", "ord ers", "EVENTS"),
              IsRefusedFor("subscribe to \"ord ers\": the topic has \" \" at byte 3; use"));
}

TEST(TopicTest, KeepsTheDeadLettersOfItsBus) {
  for (const char* topic : {"dead.letters", "EVENTS_dead_letters", "EVENTS_dead_letters.orders"}) {
    EXPECT_THAT(CheckTopic("publish to", topic, "EVENTS"), IsRefusedFor("kept for dead letters"));
  }
  for (const char* topic : {"EVENTS_dead_letters", "EVENTS_dead_letters.orders"}) {
    EXPECT_THAT(CheckTopic("publish to", topic, "OTHERS"), IsAccepted()) << topic;
  }
  for (const char* topic :
       {"dead_letters", "dead.letters.x", "x.dead.letters", "EVENTS_dead_letters2", "OTHER_dead_letters.x"}) {
    EXPECT_THAT(CheckTopic("publish to", topic, "EVENTS"), IsAccepted()) << topic;
  }
  EXPECT_THAT(CheckTopic("publish to", "a b", "EVENTS"), IsRefusedFor("at byte 1"));
}

TEST(TopicTest, RefusesAStreamNameThatNoServerTakes) {
  EXPECT_THAT(CheckTopic("publish to", std::string(248, 'x'), "EVENTS"), IsAccepted());
  EXPECT_THAT(CheckTopic("publish to", std::string(249, 'x'), "EVENTS"),
              IsRefusedFor("256 bytes long; use at most 255"));
  EXPECT_THAT(CheckTopic("publish to", std::string(130, '_'), "EVENTS"), IsRefusedFor("267 bytes"));
}

TEST(StreamNameTest, IsWrittenAsDocumented) {
  EXPECT_EQ(StreamName("EVENTS", "orders"), "EVENTS_orders");
  EXPECT_EQ(StreamName("EVENTS", "a.b"), "EVENTS_a_b");
  EXPECT_EQ(StreamName("EVENTS", "a_b"), "EVENTS_a-_b");
  EXPECT_EQ(StreamName("EVENTS", "a-b"), "EVENTS_a--b");
  EXPECT_EQ(DeadLetterStreamName("EVENTS"), "EVENTS_dead_letters");
}

void ForEachTopic(const std::string& topic, int more, std::map<std::string, std::string>& by_stream) {
  if (CheckTopic("x", topic, "E").ok()) {
    const auto [other, added] = by_stream.emplace(StreamName("E", topic), topic);
    ASSERT_TRUE(added) << topic << " and " << other->second << " share " << other->first;
    ASSERT_THAT(CheckName("stream", other->first), IsAccepted());
  }
  if (more == 0) return;
  for (const char c : {'a', 'b', '.', '_', '-'}) ForEachTopic(topic + c, more - 1, by_stream);
}

TEST(StreamNameTest, IsDifferentForEveryTwoTopics) {
  std::map<std::string, std::string> by_stream;
  ForEachTopic("", 5, by_stream);
  EXPECT_GT(by_stream.size(), 2'000U);
}

TEST(NameTest, TakesOneTo64PlainBytes) {
  for (const std::string& name : {"a"s, "billing-2_B"s, std::string(64, 'x')})
    EXPECT_THAT(CheckName("durable", name), IsAccepted());
  EXPECT_THAT(CheckName("durable", ""), IsRefusedFor("field \"durable\" is empty; use 1 to 64 bytes"));
  EXPECT_THAT(CheckName("durable", std::string(65, 'x')), IsRefusedFor("field \"durable\" is 65 bytes long"));
  EXPECT_THAT(CheckName("durable", "a.b"), IsRefusedFor("has \".\" at byte 1"));
  for (const std::string& name : kInjections)
    EXPECT_THAT(CheckName("durable", name), IsRefusedFor("\"durable\" has")) << name;
}

TEST(HeadersTest, TakesWhatNatsTakes) {
  EXPECT_THAT(CheckHeaders({}), IsAccepted());
  EXPECT_THAT(
      CheckHeaders(
          {{"X-Trace", "a b\tc: d"}, {"!#$%&'*+.^_`|~09azAZ-", ""}, {"Content-Type", "text/plain"}, {"X-Trace", "2"}}),
      IsAccepted());
  EXPECT_THAT(CheckHeaders({{std::string(128, 'n'), std::string(4096, 'v')}, {"Umlaut", "ä\xFF"}}), IsAccepted());
  EXPECT_THAT(CheckHeaders(Headers(64, {"n", "v"})), IsAccepted());
}

TEST(HeadersTest, RefusesNamesThatWouldBeOtherHeaders) {
  for (const std::string& name : {""s, "a b"s, "a:"s, "a: b\r\nc"s, "a\n"s, "a\0"s, "ä"s, "(a)"s, "a,b"s, "a/b"s, "\""s,
                                  "[a]"s, "a\x7F"s, std::string(129, 'n')}) {
    EXPECT_THAT(CheckHeaders({{name, "v"}}), IsRefusedFor("header")) << testing::PrintToString(name);
  }
  for (const std::string& name :
       {"Nats-Msg-Id"s, "nats-expected-stream"s, "NATS-"s, "Penstock-Aggregate-Id"s, "penstock-x"s}) {
    EXPECT_THAT(CheckHeaders({{name, "v"}}), IsRefusedFor("is not yours to set")) << name;
  }
}

TEST(HeadersTest, TakesTheFenceThatAHandlerPassesOn) {
  for (const std::string& name : {"Penstock-Fence"s, "penstock-fence"s}) {
    EXPECT_THAT(CheckHeaders({{name, "17"}}), IsAccepted()) << name;
  }
  EXPECT_THAT(CheckHeaders({{"Penstock-Fences", "17"}}), IsRefusedFor("is not yours to set"));
  EXPECT_THAT(CheckHeaders({{"Penstock-Fence", "17\r\n"}}), IsRefusedFor("its value has"));
}

TEST(HeadersTest, RefusesValuesThatWouldEndTheHeader) {
  for (const std::string& value : {"\r"s, "\n"s, "\0"s, "a\r\nNats-Msg-Id: 1"s, "a\r\n\r\nPUB"s, "end\n"s}) {
    EXPECT_THAT(CheckHeaders({{"Fine", "x"}, {"Name", value}}), IsRefusedFor("header \"Name\": its value has \"\\x0"));
  }
  EXPECT_THAT(CheckHeaders({{"Name", std::string(4097, 'v')}}), IsRefusedFor("4097 bytes long; use at most 4096"));
  EXPECT_THAT(CheckHeaders(Headers(65, {"n", "v"})), IsRefusedFor("has 65 entries; use at most 64"));
}

TEST(VisibleAsciiTest, TakesNothingElse) {
  for (const std::string& id : {"a"s, "0192-x:/{}\"%"s, std::string(128, '~')})
    EXPECT_THAT(CheckVisibleAscii("message_id", id, 128, Presence::kRequired), IsAccepted());
  for (const std::string& id : {""s, " "s, "a b"s, "a\r\nb"s, "ä"s, "a\0"s, "\x7F"s, std::string(129, 'x')}) {
    EXPECT_THAT(CheckVisibleAscii("message_id", id, 128, Presence::kRequired), IsRefusedFor("field \"message_id\""))
        << testing::PrintToString(id);
  }
}

TEST(AggregateIdTest, IsVisibleUtf8) {
  for (const std::string& id :
       {"o-42"s, "g++:amd64"s, "Kunde/Größe"s, "日本"s, "%"s, "$JS.*>"s, std::string(256, 'x')}) {
    EXPECT_THAT(CheckAggregateId("key", id), IsAccepted()) << id;
  }
  for (const std::string& id : {""s, " "s, "a b"s, "a\r\nb"s, "a\0"s, "\x7F"s, "\u0085"s, "a\u00A0b"s, "\u3000"s,
                                "\xC0\xAF"s, "\xED\xA0\x80"s, "\xFF"s, std::string(257, 'x')}) {
    EXPECT_THAT(CheckAggregateId("key", id), IsRefusedFor("field \"key\"")) << testing::PrintToString(id);
  }
}

}  // namespace
}  // namespace penstock::eventbus
