// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "generated_envelope.h"
#include "google/protobuf/stubs/logging.h"
#include "naming/timestamp.h"
#include "penstock/eventbus/envelope.h"
#include "sample_envelopes.h"

// Whatever arrives: no crash (the sanitizers watch), nothing accepted that breaks a rule, and one answer to which
// aggregate it is.
namespace penstock {
namespace {

using eventbus::TimestampFrom;

constexpr EnvelopeFormat kFormats[] = {EnvelopeFormat::kProtobuf, EnvelopeFormat::kJson};

class HostileBodiesTest : public testing::Test {
 protected:
  /// Whether it was accepted.
  bool Feed(const std::string& body, std::string_view content_type) {
    if (content_type == ContentType(EnvelopeFormat::kProtobuf)) Compare(body);
    // A copy without the terminating zero, so that the address sanitizer sees one byte too many.
    const std::vector<char> exact(body.begin(), body.end());
    const std::string_view bytes(exact.data(), exact.size());
    const auto envelope = DecodeEnvelope(bytes, content_type);
    const auto id = AggregateIdOf(bytes, content_type);
    if (!envelope.ok()) {
      EXPECT_EQ(envelope.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(envelope.status().ToString().find_first_of("\r\n"), std::string::npos) << envelope.status();
      return false;
    }
    EXPECT_TRUE(envelope->Validate().ok()) << envelope->Validate();
    EXPECT_FALSE(envelope->event_id.empty());
    EXPECT_TRUE(id.ok()) << id.status();
    EXPECT_EQ(id.value_or(""), envelope->aggregate_id);
    return true;
  }

  /// The decoder reads a body as the generated code does, but for fields that break a rule.
  void Compare(const std::string& body) {
    v1::Envelope read;
    if (!read.ParseFromString(body)) return;
    const auto envelope = DecodeEnvelope(body, ContentType(EnvelopeFormat::kProtobuf));
    if (!envelope.ok()) {
      EXPECT_THAT(envelope.status().message(), testing::Not(testing::HasSubstr("is no penstock")));
      return;
    }
    ++compared_;
    EXPECT_EQ(TimestampFrom(read.timestamp().seconds(), read.timestamp().nanos()), envelope->timestamp);
    v1::Envelope ours = GeneratedFrom(*envelope);
    EXPECT_EQ(TimestampFrom(read.expires_at().seconds(), read.expires_at().nanos()), envelope->expires_at);
    for (v1::Envelope* each : {&ours, &read}) {
      each->clear_timestamp();
      each->clear_expires_at();
    }
    read.GetReflection()->MutableUnknownFields(&read)->Clear();
    EXPECT_EQ(BytesOf(ours), BytesOf(read));
  }

  int compared_ = 0;  // bodies that both took

 private:
  google::protobuf::LogSilencer silence_{};
};

TEST_F(HostileBodiesTest, CutAtEveryByte) {
  for (const EnvelopeFormat format : kFormats) {
    const std::string body = EncodeEnvelope(FullEnvelope(), format).value();
    ASSERT_TRUE(Feed(body, ContentType(format)));
    for (std::size_t size = 0; size < body.size(); ++size) {
      const bool accepted = Feed(body.substr(0, size), ContentType(format));
      EXPECT_FALSE(accepted && format == EnvelopeFormat::kJson) << size;
      Feed(body.substr(size), ContentType(format));
      Feed(body.substr(0, size), "");
    }
  }
}

TEST_F(HostileBodiesTest, WithEveryBitFlipped) {
  for (const EnvelopeFormat format : kFormats) {
    std::string body = EncodeEnvelope(FullEnvelope(), format).value();
    for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
      const auto mask = static_cast<char>(1 << bit % 8);
      body[bit / 8] = static_cast<char>(body[bit / 8] ^ mask);
      Feed(body, ContentType(format));
      Feed(body, "");
      body[bit / 8] = static_cast<char>(body[bit / 8] ^ mask);
    }
  }
}

TEST_F(HostileBodiesTest, OfRandomBytes) {
  EnvelopeSource source(99);
  for (int i = 0; i < 10'000; ++i) {
    const std::string body = source.Bytes(source.Upto(200));
    Feed(body, "");
    Feed("{" + body, "");
    for (const EnvelopeFormat format : kFormats) Feed(body, ContentType(format));
  }
}

TEST_F(HostileBodiesTest, WithPiecesOfEnvelopesShuffled) {
  EnvelopeSource source(100);
  for (int i = 0; i < 10'000; ++i) {
    const EnvelopeFormat format = kFormats[i % 2];
    std::string body = EncodeEnvelope(FullEnvelope(), format).value();
    for (int edits = 1 + source.Upto(4); edits > 0; --edits) {
      const auto from = static_cast<std::size_t>(source.Upto(static_cast<int>(body.size())));
      const auto to = static_cast<std::size_t>(source.Upto(static_cast<int>(body.size())));
      const auto size = static_cast<std::size_t>(source.Upto(40));
      const std::string piece = body.substr(from, size);
      source.Upto(2) == 0 ? body.insert(to, piece) : body.replace(to, size, source.Bytes(source.Upto(8)));
      if (body.empty()) body = "{";
    }
    Feed(body, ContentType(format));
    Feed(body, "");
  }
  EXPECT_GT(compared_, 50);
}

}  // namespace
}  // namespace penstock
