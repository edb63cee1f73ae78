// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/envelope.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "../refusal.h"
#include "sample_envelopes.h"

namespace penstock {
namespace {

using std::string_literals::operator""s;
using std::chrono::year;

TEST(EnvelopeTest, NeedsAnAggregateAndAnEventType) {
  EXPECT_THAT((Envelope{.aggregate_id = "o-42", .event_type = "OrderPlaced"}).Validate(), IsAccepted());
  EXPECT_THAT(Envelope{}.Validate(),
              IsRefusedFor("envelope: field \"aggregate_id\" is empty; set the ID of what the message is about"));
  EXPECT_THAT((Envelope{.aggregate_id = "o-42"}).Validate(), IsRefusedFor("envelope: field \"event_type\" is empty"));
  EXPECT_THAT(FullEnvelope().Validate(), IsAccepted());
}

struct Change {
  std::string_view field{};
  std::function<void(Envelope&)> make{};
};

TEST(EnvelopeTest, NamesTheFieldThatBreaksItsRule) {
  const Change changes[] = {
      {"event_id", [](Envelope& e) { e.event_id = "a b"; }},
      {"event_id", [](Envelope& e) { e.event_id = std::string(129, 'x'); }},
      {"event_id", [](Envelope& e) { e.event_id = "a\r\nNats-Msg-Id: b"; }},
      {"aggregate_id", [](Envelope& e) { e.aggregate_id = "a\u00A0b"; }},
      {"aggregate_id", [](Envelope& e) { e.aggregate_id = "\xC0\xAF"; }},
      {"aggregate_id", [](Envelope& e) { e.aggregate_id = std::string(257, 'x'); }},
      {"aggregate_type", [](Envelope& e) { e.aggregate_type = "ä"; }},
      {"aggregate_type", [](Envelope& e) { e.aggregate_type = std::string(257, 'x'); }},
      {"event_type", [](Envelope& e) { e.event_type = "\n"; }},
      {"event_type", [](Envelope& e) { e.event_type = std::string(257, 'x'); }},
      {"event_version", [](Envelope& e) { e.event_version = 0; }},
      {"event_version", [](Envelope& e) { e.event_version = INT64_MIN; }},
      {"timestamp",
       [](Envelope& e) { e.timestamp = std::chrono::sys_days{year{1678} / 1 / 1} - std::chrono::nanoseconds{1}; }},
      {"timestamp", [](Envelope& e) { e.timestamp = std::chrono::sys_days{year{2262} / 1 / 1}; }},
      {"timestamp", [](Envelope& e) { e.timestamp = std::chrono::system_clock::time_point::max(); }},
      {"expires_at", [](Envelope& e) { e.expires_at = std::chrono::system_clock::time_point::max(); }},
      {"trace_id", [](Envelope& e) { e.trace_id = "\0"s; }},
      {"trace_id", [](Envelope& e) { e.trace_id = std::string(129, 'x'); }},
      {"traceparent", [](Envelope& e) { e.traceparent = "a b"; }},
      {"correlation_id", [](Envelope& e) { e.correlation_id = std::string(257, 'x'); }},
      {"causation_id", [](Envelope& e) { e.causation_id = "\x7F"; }},
      {"tenant_id", [](Envelope& e) { e.tenant_id = -1; }},
      {"content_type", [](Envelope& e) { e.content_type = "text/plain\n"; }},
      {"content_type", [](Envelope& e) { e.content_type = std::string(129, 'x'); }},
      {"attributes", [](Envelope& e) { e.attributes[""] = "x"; }},
      {"attributes", [](Envelope& e) { e.attributes["a b"] = "x"; }},
      {"attributes", [](Envelope& e) { e.attributes[std::string(129, 'k')] = "x"; }},
      {"attributes", [](Envelope& e) { e.attributes["k"] = "\xFF"; }},
      {"attributes", [](Envelope& e) { e.attributes["k"] = std::string(4097, 'v'); }},
      {"attributes",
       [](Envelope& e) {
         for (int i = 0; i < 65; ++i) e.attributes[std::to_string(i)] = "";
       }},
  };
  for (const Change& change : changes) {
    Envelope envelope = FullEnvelope();
    change.make(envelope);
    const std::string field = "field \"" + std::string(change.field) + "\"";
    EXPECT_THAT(envelope.Validate(), IsRefusedFor(field));
    EXPECT_THAT(EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf), IsRefusedFor(field));
    EXPECT_THAT(EncodeEnvelope(envelope, EnvelopeFormat::kJson), IsRefusedFor(field));
    EXPECT_EQ(envelope.Validate().ToString().find_first_of("\r\n"), std::string::npos);
  }
}

TEST(EnvelopeTest, RefusesAPayloadThatNoDecoderTakes) {
  Envelope envelope = FullEnvelope();
  envelope.payload.assign((60 << 20) + 1, ' ');
  EXPECT_THAT(envelope.Validate(), IsRefusedFor("field \"payload\" is 62914561 bytes long"));
}

TEST(EnvelopeTest, ReportsTheFirstBrokenFieldInTheOrderOfTheStruct) {
  Envelope envelope{.event_id = "a b", .tenant_id = -1};
  EXPECT_THAT(envelope.Validate(), IsRefusedFor("\"event_id\""));
  envelope.event_id.clear();
  EXPECT_THAT(envelope.Validate(), IsRefusedFor("\"aggregate_id\""));
}

TEST(EnvelopeTest, PicksTheFormatByContentTypeThenByTheFirstByte) {
  const Envelope envelope = FullEnvelope();
  const std::string json = EncodeEnvelope(envelope, EnvelopeFormat::kJson).value();
  const std::string protobuf = EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf).value();
  for (const char* type : {"", "application/json", "Application/JSON; charset=utf-8", "application/json ;x"}) {
    EXPECT_EQ(DecodeEnvelope(json, type).value(), envelope) << type;
    EXPECT_EQ(AggregateIdOf(json, type).value(), envelope.aggregate_id) << type;
  }
  for (const char* type :
       {"", "application/x-protobuf", "application/protobuf", "application/x-protobuf;messageType=x"}) {
    EXPECT_EQ(DecodeEnvelope(protobuf, type).value(), envelope) << type;
    EXPECT_EQ(AggregateIdOf(protobuf, type).value(), envelope.aggregate_id) << type;
  }
  EXPECT_THAT(DecodeEnvelope(json, ContentType(EnvelopeFormat::kProtobuf)), IsRefusedFor("decode envelope: "));
  EXPECT_THAT(DecodeEnvelope(protobuf, ContentType(EnvelopeFormat::kJson)),
              IsRefusedFor("decode envelope: the body is no JSON"));
}

TEST(EnvelopeTest, IsProtobufAlsoWhenAnEventIdLooksLikeJson) {
  // The length of the event ID, 123, is the byte `{`, behind a tag that is a line break.
  Envelope envelope = FullEnvelope();
  envelope.event_id = '"' + std::string(122, 'x');
  const std::string body = EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf).value();
  ASSERT_TRUE(body.starts_with("\n{\""));
  EXPECT_EQ(DecodeEnvelope(body, "").value(), envelope);
}

TEST(EnvelopeTest, RefusesBodiesThatCannotBeOne) {
  for (const char* type : {"text/plain", "json", "application/jsonx", "application/json\r\nX: y", ";", " "}) {
    EXPECT_THAT(DecodeEnvelope("{}", type), IsRefusedFor("is unknown; use application/x-protobuf or application/json"))
        << type;
    EXPECT_THAT(AggregateIdOf("{}", type), IsRefusedFor("is unknown")) << type;
  }
  EXPECT_THAT(DecodeEnvelope("", ""), IsRefusedFor("decode envelope: the body is empty"));
  EXPECT_THAT(AggregateIdOf("", "application/json"), IsRefusedFor("read aggregate ID: the body is empty"));
  const std::string large((64 << 20) + 1, ' ');
  EXPECT_THAT(DecodeEnvelope(large, "application/json"),
              IsRefusedFor("the body is 67108865 bytes long; use at most 67108864"));
  EXPECT_THAT(AggregateIdOf(large, ""), IsRefusedFor("use at most"));
}

TEST(EnvelopeTest, NeedsAnEventIdWhenItIsRead) {
  const Envelope envelope{.aggregate_id = "o-42", .event_type = "OrderPlaced", .payload = "{}"};
  for (const EnvelopeFormat format : {EnvelopeFormat::kProtobuf, EnvelopeFormat::kJson}) {
    const std::string body = EncodeEnvelope(envelope, format).value();
    EXPECT_THAT(DecodeEnvelope(body, ContentType(format)),
                IsRefusedFor("decode envelope: field \"event_id\" is empty"));
    EXPECT_EQ(AggregateIdOf(body, ContentType(format)).value(), "o-42");
  }
}

TEST(EnvelopeTest, ComesBackTheSameInBothFormats) {
  EnvelopeSource source(20'240'229);
  for (int i = 0; i < 3'000; ++i) {
    Envelope envelope = source.Next();
    const auto format = i % 2 == 0 ? EnvelopeFormat::kProtobuf : EnvelopeFormat::kJson;
    if (format == EnvelopeFormat::kJson) envelope.payload = source.JsonDocument();
    const auto body = EncodeEnvelope(envelope, format);
    ASSERT_THAT(body, IsAccepted());
    const auto decoded = DecodeEnvelope(*body, ContentType(format));
    ASSERT_THAT(decoded, IsAccepted()) << testing::PrintToString(*body);
    ASSERT_EQ(*decoded, envelope) << testing::PrintToString(*body);
    ASSERT_EQ(AggregateIdOf(*body, ContentType(format)).value(), envelope.aggregate_id);
  }
}

}  // namespace
}  // namespace penstock
