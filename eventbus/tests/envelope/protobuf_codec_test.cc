// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../refusal.h"
#include "generated_envelope.h"
#include "penstock/eventbus/envelope.h"
#include "sample_envelopes.h"

namespace penstock {
namespace {

using std::string_literals::operator""s;
constexpr std::string_view kProtobuf = "application/x-protobuf";

std::string Varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}

std::string Number(int field, std::uint64_t value) {
  return Varint(static_cast<std::uint64_t>(field) << 3) + Varint(value);
}

std::string Text(int field, std::string_view text) {
  return Varint(static_cast<std::uint64_t>(field) << 3 | 2) + Varint(text.size()) + std::string(text);
}

std::string Minimal() { return Text(1, "e") + Text(2, "a") + Text(4, "t") + Number(5, 1); }

// Written by hand from the .proto file: whoever changes a field number breaks every stored event.
TEST(ProtobufCodecTest, KeepsItsBytes) {
  const Envelope e = FullEnvelope();
  const std::string expected =
      Text(1, e.event_id) + Text(2, e.aggregate_id) + Text(3, "Order") + Text(4, "OrderPlaced") + Number(5, 3) +
      Text(6, Number(1, 1'709'210'096) + Number(2, 789'012'345)) + Text(7, e.trace_id) + Text(8, e.traceparent) +
      Text(9, "c-1") + Text(10, "e-0") + Number(11, 7) + Text(12, e.content_type) + Text(13, e.payload) +
      Text(14, Text(1, "quote\"d") + Text(2, "a\\b\n\u0001ü")) + Text(14, Text(1, "source") + Text(2, "shop")) +
      Text(15, Number(1, 1'709'211'600));
  EXPECT_EQ(EncodeEnvelope(e, EnvelopeFormat::kProtobuf).value(), expected);
  EXPECT_EQ(DecodeEnvelope(expected, kProtobuf).value(), e);
  const Envelope small{.event_id = "e", .aggregate_id = "a", .event_type = "t"};
  EXPECT_EQ(EncodeEnvelope(small, EnvelopeFormat::kProtobuf).value(),
            "\x0A\x01"
            "e\x12\x01"
            "a\x22\x01t\x28\x01"s);
}

TEST(ProtobufCodecTest, WritesTheBytesOfTheGeneratedCode) {
  EnvelopeSource source(14);
  for (int i = 0; i < 1'000; ++i) {
    Envelope envelope = source.Next();
    if (i % 10 == 0) envelope.timestamp = {};
    if (i % 7 == 0) envelope.attributes["empty"] = "";
    ASSERT_EQ(EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf).value(), BytesOf(GeneratedFrom(envelope)));
  }
}

TEST(ProtobufCodecTest, ForgetsNoFieldOfTheSchema) {
  const v1::Envelope message = GeneratedFrom(FullEnvelope());
  std::vector<const google::protobuf::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  EXPECT_EQ(static_cast<int>(set.size()), v1::Envelope::descriptor()->field_count());
  const Envelope read = DecodeEnvelope(BytesOf(message), kProtobuf).value();
  EXPECT_EQ(EncodeEnvelope(read, EnvelopeFormat::kProtobuf).value(), BytesOf(message));
}

TEST(ProtobufCodecTest, CarriesAnyPayload) {
  Envelope envelope = DecodeEnvelope(Minimal(), kProtobuf).value();
  EXPECT_EQ(envelope.payload, "");
  for (const std::string& payload : {"\0\xFF\r\n"s, std::string(3 << 20, '\x80')}) {
    envelope.payload = payload;
    EXPECT_EQ(DecodeEnvelope(EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf).value(), kProtobuf).value(), envelope);
  }
}

TEST(ProtobufCodecTest, CarriesTimesBeforeTheEpoch) {
  Envelope envelope = FullEnvelope();
  envelope.timestamp = std::chrono::system_clock::time_point{} - std::chrono::nanoseconds{1};
  EXPECT_EQ(DecodeEnvelope(EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf).value(), kProtobuf).value(), envelope);
}

TEST(ProtobufCodecTest, OverlooksFieldsThatItDoesNotKnow) {
  const std::string group = Varint(99 << 3 | 3) + Number(1, 5) + Varint(99 << 3 | 4);
  const std::string fixed = Varint(98 << 3 | 1) + "12345678" + Varint(97 << 3 | 5) + "1234";
  const std::string body = Text(100, "x") + group + Minimal() + fixed + Number(2, 7);
  EXPECT_EQ(DecodeEnvelope(body, kProtobuf).value().aggregate_id, "a");
  EXPECT_EQ(AggregateIdOf(body, kProtobuf).value(), "a");
}

TEST(ProtobufCodecTest, TakesTheLastOfSeveral) {
  const std::string body = Minimal() + Text(2, "b");
  EXPECT_EQ(DecodeEnvelope(body, kProtobuf).value().aggregate_id, "b");
  EXPECT_EQ(AggregateIdOf(body, kProtobuf).value(), "b");
}

TEST(ProtobufCodecTest, TakesTheLastOfSeveralInsideAField) {
  const std::string times = Text(6, Number(1, 5) + Number(2, 7)) + Text(6, Number(1, 9));
  const std::string attributes =
      Text(14, Text(2, "x") + Text(1, "k")) + Text(14, Text(1, "k") + Text(2, "y") + "\x18\x01");
  const Envelope read = DecodeEnvelope(Minimal() + times + attributes, kProtobuf).value();
  EXPECT_EQ(read.timestamp.time_since_epoch(), std::chrono::seconds{9} + std::chrono::nanoseconds{7});
  EXPECT_EQ(read.attributes, (std::map<std::string, std::string>{{"k", "y"}}));
}

TEST(ProtobufCodecTest, ReadsGosZeroTimeAsUnset) {
  const std::string body = Minimal() + Text(6, Number(1, static_cast<std::uint64_t>(-62'135'596'800)));
  EXPECT_EQ(DecodeEnvelope(body, kProtobuf).value().timestamp, std::chrono::system_clock::time_point{});
}

TEST(ProtobufCodecTest, RefusesFieldsThatBreakTheirRule) {
  EXPECT_THAT(DecodeEnvelope(Text(1, "e") + Text(2, "a") + Text(4, "t"), kProtobuf),
              IsRefusedFor("\"event_version\" is 0"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(1, ""), kProtobuf), IsRefusedFor("\"event_id\" is empty"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(2, "a b"), kProtobuf),
              IsRefusedFor("\"aggregate_id\" has \" \" at byte 1"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(4, "a\r\nb"), kProtobuf), IsRefusedFor("\"event_type\" has"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Number(5, UINT64_MAX), kProtobuf), IsRefusedFor("\"event_version\" is -1"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Number(11, UINT64_MAX), kProtobuf), IsRefusedFor("\"tenant_id\" is -1"));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(6, Number(1, 253'402'300'799)), kProtobuf),
              IsRefusedFor("\"timestamp\""));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(6, Number(1, INT64_MAX)), kProtobuf), IsRefusedFor("\"timestamp\""));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(6, Number(2, 1'000'000'000)), kProtobuf), IsRefusedFor("\"timestamp\""));
  EXPECT_THAT(DecodeEnvelope(Minimal() + Text(15, Number(1, INT64_MAX)), kProtobuf), IsRefusedFor("\"expires_at\""));
  std::string crowd;
  for (int i = 0; i < 65; ++i) crowd += Text(14, Text(1, std::to_string(i)));
  EXPECT_THAT(DecodeEnvelope(Minimal() + crowd, kProtobuf), IsRefusedFor("\"attributes\" has 65 entries"));
}

TEST(ProtobufCodecTest, RefusesTextThatIsNoUtf8) {
  for (const std::string text : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "a\xE2\x82"}) {
    EXPECT_THAT(DecodeEnvelope(Minimal() + Text(2, text), kProtobuf), IsRefusedFor("decode envelope: "));
    EXPECT_THAT(DecodeEnvelope(Minimal() + Text(14, Text(1, "k") + Text(2, text)), kProtobuf),
                IsRefusedFor("decode envelope: "));
    EXPECT_THAT(AggregateIdOf(Minimal() + Text(2, text), kProtobuf), IsRefusedFor("field \"aggregate_id\" has"));
  }
}

TEST(ProtobufCodecTest, RefusesBrokenBodies) {
  const std::string deep = Varint(99 << 3 | 3);
  std::string bomb;
  for (int i = 0; i < 1'000'000; ++i) bomb += deep;
  for (const std::string& body :
       {"x"s, "\0"s, Minimal() + '\0', Minimal() + "\x12"s, Minimal() + "\x12\x05"s,
        Minimal() + "\x12\xFF\xFF\xFF\xFF\x0F"s, Minimal() + "\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F"s,
        Minimal() + std::string(11, '\xFF'), Minimal() + Varint(99 << 3 | 4), Minimal() + Varint(99 << 3 | 3),
        Minimal() + Varint(99 << 3 | 6), Minimal() + "\x02\x01"s, Minimal() + deep + Varint(98 << 3 | 4),
        Minimal() + bomb, Minimal() + "this is no protobuf"}) {
    EXPECT_THAT(DecodeEnvelope(body, kProtobuf), IsRefusedFor("is no penstock.v1.Envelope"));
    EXPECT_THAT(AggregateIdOf(body, kProtobuf), IsRefusedFor("is no penstock.v1.Envelope"));
  }
}

TEST(ProtobufCodecTest, RefusesFieldsThatAreBrokenInside) {
  const std::string group = Varint(99 << 3 | 3);
  for (const std::string& field : {"\x32\x05\x08\x01"s, "\x72\x7F\x0A\x01k"s, Text(6, "\x08"), Text(6, "\0"s),
                                   Text(14, Text(1, "k") + "\x12\x02x") + "yz", Text(14, group), Text(6, group)}) {
    EXPECT_THAT(DecodeEnvelope(Minimal() + field, kProtobuf), IsRefusedFor("is no penstock.v1.Envelope"));
  }
}

}  // namespace
}  // namespace penstock
