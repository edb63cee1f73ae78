// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/encoded_publish.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace penstock::eventbus::jetstream {
namespace {

OutboundMessage Sample() {
  return {.subject = "orders",
          .body = std::string("bo\0dy", 5),
          .message_id = "m-1",
          .reserved_headers = {{header::kEventType, "Placed"}},
          .headers = {{"later", "2"}, {"Later", ""}}};
}

TEST(EncodedPublishTest, IsWhatGoesOverTheWire) {
  absl::StatusOr<EncodedPublish> composed = EncodedPublish::Encode(Sample(), "_INBOX.x.7");
  ASSERT_TRUE(composed.ok());
  const EncodedPublish moved = *std::move(composed);
  const Publication publication = moved.publication();
  EXPECT_EQ(moved.subject(), "orders");
  EXPECT_EQ(publication.subject, "orders");
  EXPECT_EQ(publication.reply, "_INBOX.x.7");
  EXPECT_EQ(publication.headers,
            "NATS/1.0\r\nNats-Msg-Id: m-1\r\nPenstock-Event-Type: Placed\r\nlater: 2\r\nLater: \r\n\r\n");
  EXPECT_EQ(publication.body, std::string_view("bo\0dy", 5));
  EXPECT_EQ(publication.subject.data()[publication.subject.size()], '\0');
  EXPECT_EQ(publication.reply.data()[publication.reply.size()], '\0');
  EXPECT_EQ(publication.headers.size() + publication.body.size(), SizeBytes(Sample()));
}

TEST(EncodedPublishTest, RefusesAHeaderThatWouldEndItsLine) {
  for (const std::string broken : {"a\r\nb", "a\n", "\r"}) {
    OutboundMessage message = Sample();
    message.headers = {{"later", broken}};
    EXPECT_EQ(EncodedPublish::Encode(message, "r").status().code(), absl::StatusCode::kInvalidArgument);
    message.headers = {{broken, "2"}};
    EXPECT_EQ(EncodedPublish::Encode(message, "r").status().code(), absl::StatusCode::kInvalidArgument);
    message = Sample();
    message.message_id = broken;
    EXPECT_EQ(EncodedPublish::Encode(message, "r").status().code(), absl::StatusCode::kInvalidArgument);
    message = Sample();
    message.reserved_headers.front().value = broken;
    EXPECT_EQ(EncodedPublish::Encode(message, "r").status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
