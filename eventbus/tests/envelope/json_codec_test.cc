// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "../refusal.h"
#include "nlohmann/json.hpp"
#include "penstock/eventbus/envelope.h"
#include "sample_envelopes.h"

namespace penstock {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
constexpr std::string_view kJson = "application/json";

// As jxt-core writes it: jsoniter with the tags of its struct, in their order.
constexpr std::string_view kPredecessor =
    R"({"event_id":"0192d3a4-0000-7000-8000-000000000001","aggregate_id":"order:42/eu","event_type":"OrderPlaced",)"
    R"("event_version":2,"timestamp":"2024-02-29T12:34:56.789012345+08:00","trace_id":"t-1","correlation_id":"c-1",)"
    R"("tenant_id":3,"payload":{"total": 10.50,"lines":[1,2],"note":"\u003cb\u003e"}})";

std::string Body(std::string_view members) {
  return R"({"event_id":"e","aggregate_id":"a","event_type":"t","event_version":1,"payload":{})" +
         std::string(members) + "}";
}

TEST(JsonCodecTest, ReadsThePredecessorsEnvelope) {
  const auto envelope = DecodeEnvelope(kPredecessor, kJson);
  ASSERT_THAT(envelope, IsAccepted());
  const auto day = std::chrono::sys_days{std::chrono::year{2024} / 2 / 29};
  EXPECT_EQ(*envelope, (Envelope{.event_id = "0192d3a4-0000-7000-8000-000000000001",
                                 .aggregate_id = "order:42/eu",
                                 .event_type = "OrderPlaced",
                                 .event_version = 2,
                                 .timestamp = day + 4h + 34min + 56s + 789'012'345ns,
                                 .trace_id = "t-1",
                                 .correlation_id = "c-1",
                                 .tenant_id = 3,
                                 .payload = R"({"total": 10.50,"lines":[1,2],"note":"\u003cb\u003e"})"}));
}

TEST(JsonCodecTest, WritesThePredecessorsEnvelope) {
  const Envelope envelope = DecodeEnvelope(kPredecessor, kJson).value();
  std::string expected(kPredecessor);
  expected.replace(expected.find("12:34:56.789012345+08:00"), 24, "04:34:56.789012345Z");
  EXPECT_EQ(EncodeEnvelope(envelope, EnvelopeFormat::kJson).value(), expected);
}

TEST(JsonCodecTest, LeavesOutWhatIsNotSet) {
  const Envelope envelope{.event_id = "e", .aggregate_id = "a", .event_type = "t", .payload = " [1, 2]\n"};
  EXPECT_EQ(
      EncodeEnvelope(envelope, EnvelopeFormat::kJson).value(),
      R"({"event_id":"e","aggregate_id":"a","event_type":"t","event_version":1,"timestamp":"1970-01-01T00:00:00Z",)"
      R"("payload":[1, 2]})");
}

TEST(JsonCodecTest, WritesEveryFieldAsOtherReadersExpectIt) {
  const Envelope envelope = FullEnvelope();
  const std::string body = EncodeEnvelope(envelope, EnvelopeFormat::kJson).value();
  EXPECT_NE(body.find("\"payload\":" + envelope.payload + ","), std::string::npos);
  const auto json = nlohmann::json::parse(body);
  EXPECT_EQ(json.size(), 15U);
  EXPECT_EQ(json["aggregate_id"], envelope.aggregate_id);
  EXPECT_EQ(json["aggregate_type"], envelope.aggregate_type);
  EXPECT_EQ(json["event_version"], 3);
  EXPECT_EQ(json["timestamp"], "2024-02-29T12:34:56.789012345Z");
  EXPECT_EQ(json["expires_at"], "2024-02-29T13:00:00Z");
  EXPECT_EQ(json["traceparent"], envelope.traceparent);
  EXPECT_EQ(json["causation_id"], envelope.causation_id);
  EXPECT_EQ(json["content_type"], envelope.content_type);
  EXPECT_EQ(json["attributes"]["quote\"d"], "a\\b\n\u0001ü");
}

TEST(JsonCodecTest, EmbedsOnlyAPayloadThatIsJson) {
  Envelope envelope = FullEnvelope();
  for (const std::string& payload :
       {""s, " "s, "{"s, "{}{}"s, R"({}, "tenant_id": 9)"s, "1}"s, "\"\xFF\""s, "NaN"s, "{}\0"s, "\xEF\xBB\xBF{}"s,
        std::string(256, '[') + std::string(256, ']'), std::string(1'000'000, '[')}) {
    envelope.payload = payload;
    EXPECT_THAT(EncodeEnvelope(envelope, EnvelopeFormat::kJson), IsRefusedFor("envelope: field \"payload\" is "));
    EXPECT_THAT(EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf), IsAccepted());
  }
  for (const std::string& payload :
       {"null"s, "0"s, "-1.50e+2"s, "\"x\""s, "true"s, "{ }"s, std::string(255, '[') + std::string(255, ']')}) {
    envelope.payload = payload;
    const auto body = EncodeEnvelope(envelope, EnvelopeFormat::kJson);
    ASSERT_THAT(body, IsAccepted()) << payload;
    EXPECT_EQ(DecodeEnvelope(*body, kJson).value().payload, payload);
  }
}

TEST(JsonCodecTest, TakesMembersInAnyOrderAndOverlooksUnknownOnes) {
  const auto envelope = DecodeEnvelope(
      "\n{\"later\":{\"event_id\":\"no\"},\"payload\" :\t[ 1 ] "
      ",\"event_version\":9,\"event_type\":\"t\",\"x\":1,\"x\":2,"
      "\"aggregate_id\":\"\\u0061\",\"event_id\":\"e\"}\n",
      kJson);
  ASSERT_THAT(envelope, IsAccepted());
  EXPECT_EQ(envelope->aggregate_id, "a");
  EXPECT_EQ(envelope->payload, "[ 1 ]");
  EXPECT_EQ(envelope->event_version, 9);
}

TEST(JsonCodecTest, ReadsNullAsUnset) {
  const auto envelope =
      DecodeEnvelope(Body(R"(,"timestamp":null,"trace_id":null,"tenant_id":null,"attributes":null)"), kJson);
  ASSERT_THAT(envelope, IsAccepted());
  EXPECT_EQ(envelope->timestamp, std::chrono::system_clock::time_point{});
  EXPECT_THAT(
      DecodeEnvelope(R"({"event_id":null,"aggregate_id":"a","event_type":"t","event_version":1,"payload":1})", kJson),
      IsRefusedFor("\"event_id\" is empty"));
}

TEST(JsonCodecTest, ReadsGosZeroTimeAsUnset) {
  const auto envelope = DecodeEnvelope(Body(R"(,"timestamp":"0001-01-01T00:00:00Z")"), kJson);
  ASSERT_THAT(envelope, IsAccepted());
  EXPECT_EQ(envelope->timestamp, std::chrono::system_clock::time_point{});
}

TEST(JsonCodecTest, RefusesMembersOfTheWrongTypeOrRange) {
  struct Case {
    std::string_view members{};
    std::string_view text{};
  };
  for (const Case& one : {Case{R"(,"trace_id":7)", "field \"trace_id\" is no text"},
                          {R"(,"trace_id":["x"])", "field \"trace_id\" is no text"},
                          {R"(,"trace_id":{"x":1})", "field \"trace_id\" is no text"},
                          {R"(,"trace_id":"a b")", "field \"trace_id\" has"},
                          {R"(,"trace_id":"a\u0000")", "field \"trace_id\" has"},
                          {R"(,"trace_id":"a\r\nb")", "field \"trace_id\" has"},
                          {R"(,"tenant_id":"7")", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":1.0)", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":1e3)", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":true)", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":[])", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":-1)", "field \"tenant_id\" is -1"},
                          {R"(,"tenant_id":9223372036854775808)", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":-9223372036854775809)", "field \"tenant_id\" is no integer"},
                          {R"(,"tenant_id":99999999999999999999999999)", "field \"tenant_id\" is no integer"},
                          {R"(,"timestamp":1709210096)", "field \"timestamp\" is no text"},
                          {R"(,"expires_at":"soon")", "field \"expires_at\" is no RFC 3339"},
                          {R"(,"timestamp":"")", "field \"timestamp\" is no RFC 3339"},
                          {R"(,"timestamp":"9999-01-01T00:00:00Z")", "field \"timestamp\" is no RFC 3339"},
                          {R"(,"timestamp":"2024-02-30T00:00:00Z")", "field \"timestamp\" is no RFC 3339"},
                          {R"(,"attributes":[])", "field \"attributes\" is no object"},
                          {R"(,"attributes":"x")", "field \"attributes\" is no object"},
                          {R"(,"attributes":{"k":1})", "field \"attributes\" is no text"},
                          {R"(,"attributes":{"k":{}})", "field \"attributes\" is no text"},
                          {R"(,"attributes":{"k":"1","k":"2"})", "field \"attributes\" has a key twice"},
                          {R"(,"attributes":{"":"1"})", "field \"attributes\" is empty"},
                          {R"(,"event_id":"e")", "field \"event_id\" occurs twice"},
                          {R"(,"aggregate_id":"b")", "field \"aggregate_id\" occurs twice"},
                          {R"(,"\u0070ayload":1)", "field \"payload\" occurs twice"},
                          {R"(,"event_version":1e999)", "occurs twice"},
                          {R"(,"trace_id":"\ud83d")", "field \"trace_id\" has half a surrogate pair"},
                          {R"(,"timestamp":"\ud83d")", "field \"timestamp\" has half a surrogate pair"},
                          {R"(,"attributes":{"\ud83d":"x"})", "field \"attributes\" has"},
                          {R"(,"x":NaN)", "is no JSON document"}}) {
    EXPECT_THAT(DecodeEnvelope(Body(one.members), kJson), IsRefusedFor(one.text)) << one.members;
  }
}

TEST(JsonCodecTest, PassesOnWhatIsJsonAndNoText) {
  for (const std::string payload : {R"("\ud83d")", R"({"\uDC00":["a\udfffb\ud83d\u0041"]})", "1e999", "-1E+99999"}) {
    const auto envelope = DecodeEnvelope(
        R"({"event_id":"e","aggregate_id":"a","event_type":"t","event_version":1,"x":"\udc00","payload":)" + payload +
            R"(,"attributes":{"k":"cut \ud83d","f":"\ud83d\ude00"}})",
        kJson);
    ASSERT_THAT(envelope, IsAccepted());
    EXPECT_EQ(envelope->payload, payload);
    EXPECT_EQ(envelope->attributes.at("k"), "cut \xEF\xBF\xBD");
    EXPECT_EQ(envelope->attributes.at("f"), "\xF0\x9F\x98\x80");
    const auto encoded = EncodeEnvelope(*envelope, EnvelopeFormat::kJson);
    ASSERT_THAT(encoded, IsAccepted());
    EXPECT_NE(encoded->find("\"payload\":" + payload), std::string::npos) << *encoded;
    EXPECT_EQ(DecodeEnvelope(*encoded, kJson).value(), *envelope);
    const auto binary = EncodeEnvelope(*envelope, EnvelopeFormat::kProtobuf);
    EXPECT_EQ(DecodeEnvelope(*binary, ContentType(EnvelopeFormat::kProtobuf)).value(), *envelope);
  }
}

TEST(JsonCodecTest, RefusesHalfACharacterInWhatNamesTheEvent) {
  for (const std::string field : {"event_id", "aggregate_id", "event_type"}) {
    const std::string body = R"({"payload":1,"event_version":1,")" + field + R"(":"a\ud83d"})";
    EXPECT_THAT(DecodeEnvelope(body, kJson), IsRefusedFor("field \"" + field + "\" has half a surrogate pair"));
  }
  EXPECT_THAT(AggregateIdOf(R"({"aggregate_id":"\udc00"})", kJson),
              IsRefusedFor("field \"aggregate_id\" has half a surrogate pair"));
}

TEST(JsonCodecTest, NeedsEveryRequiredMember) {
  const nlohmann::ordered_json whole = nlohmann::ordered_json::parse(Body(""));
  for (const std::string key : {"event_id", "aggregate_id", "event_type", "event_version", "payload"}) {
    nlohmann::ordered_json part = whole;
    part.erase(key);
    EXPECT_THAT(DecodeEnvelope(part.dump(), kJson), IsRefusedFor("field \"" + key + "\"")) << part;
  }
}

TEST(JsonCodecTest, BearsABombOfBracketsAnywhere) {
  const std::string bomb(1'000'000, '[');
  EXPECT_THAT(DecodeEnvelope(bomb, kJson), IsRefusedFor("is no JSON object"));
  EXPECT_THAT(DecodeEnvelope(Body(",\"x\":" + bomb), kJson), IsRefusedFor("nested deeper than 256 levels"));
  EXPECT_THAT(DecodeEnvelope(Body(",\"trace_id\":" + bomb), kJson), IsRefusedFor("nested deeper than 256 levels"));
  EXPECT_THAT(AggregateIdOf("{\"payload\":" + bomb, kJson), IsRefusedFor("nested deeper than 256 levels"));
  EXPECT_THAT(DecodeEnvelope(Body(",\"attributes\":{\"k\":" + bomb), kJson), IsRefusedFor("nested deeper"));
}

TEST(JsonCodecTest, FindsTheAggregateIdWithoutReadingOn) {
  EXPECT_EQ(AggregateIdOf(kPredecessor, kJson).value(), "order:42/eu");
  EXPECT_EQ(AggregateIdOf(R"({"payload":{"aggregate_id":"no"},"aggregate_id":"a-1", broken)", kJson).value(), "a-1");
  EXPECT_THAT(AggregateIdOf("{}", kJson), IsRefusedFor("read aggregate ID: field \"aggregate_id\" is empty"));
  EXPECT_THAT(AggregateIdOf(R"({"aggregate_id":7})", kJson), IsRefusedFor("field \"aggregate_id\" is no text"));
  EXPECT_THAT(AggregateIdOf(R"({"aggregate_id":"a b"})", kJson), IsRefusedFor("field \"aggregate_id\" has"));
  EXPECT_THAT(AggregateIdOf(R"({"aggregate_id":"a)", kJson), IsRefusedFor("is no JSON"));
  EXPECT_THAT(AggregateIdOf(R"(["aggregate_id"])", kJson), IsRefusedFor("is no JSON object"));
}

}  // namespace
}  // namespace penstock
