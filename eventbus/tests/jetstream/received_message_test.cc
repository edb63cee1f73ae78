// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/received_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr std::string_view kReply = "$JS.ACK.ORDERS.billing.2.7.9.1700000000000000000.3";
constexpr std::string_view kHeaders = "NATS/1.0\r\nNats-Msg-Id: m-1\r\nempty:\r\n\r\n";

MessageHandle Received(std::string_view headers, std::string_view body) {
  MessageHandle message = ReceivedMessage::Make("orders", kReply, headers.size(), body.size());
  const std::string both = std::string(headers) + std::string(body);
  std::memcpy(message->room().data(), both.data(), message->room().size());
  return message;
}

TEST(ReceivedMessageTest, HasWhatCameOverTheWire) {
  const MessageHandle message = Received(kHeaders, "body");
  message->SetDelivery(*ParseAckSubject(message->reply()), 5, 17);
  EXPECT_EQ(message->subject(), "orders");
  EXPECT_EQ(message->reply(), kReply);
  EXPECT_EQ(message->reply().data()[kReply.size()], '\0');
  EXPECT_EQ(message->payload(), "body");
  EXPECT_EQ(message->size_bytes(), kHeaders.size() + 4);
  EXPECT_EQ(message->Header("nats-msg-id"), "m-1");
  EXPECT_THAT(message->AllHeaders(), ElementsAre(Pair("Nats-Msg-Id", "m-1"), Pair("empty", "")));
  EXPECT_EQ(message->ack_token(), kReply);
  EXPECT_EQ(message->stream_sequence(), 7U);
  EXPECT_EQ(message->delivery_count(), 2U);
  EXPECT_EQ(message->pending(), 3U);
  EXPECT_EQ(message->epoch(), 5U);
  EXPECT_EQ(message->fence(), 17U);
}

TEST(ReceivedMessageTest, StubCanSettleWhenTheMessageIsGone) {
  MessageHandle message = Received(kHeaders, std::string(5000, 'x'));
  message->SetDelivery(*ParseAckSubject(message->reply()), 5, 17);
  const std::unique_ptr<StoredMessage> stub = message->Stub();
  message = nullptr;
  EXPECT_EQ(stub->ack_token(), kReply);
  EXPECT_EQ(stub->stream_sequence(), 7U);
  EXPECT_EQ(stub->fence(), 17U);
  EXPECT_EQ(static_cast<const ReceivedMessage&>(*stub).epoch(), 5U);
  EXPECT_EQ(stub->payload(), "");
  EXPECT_FALSE(stub->Header("Nats-Msg-Id").has_value());
}

TEST(ReceivedMessageTest, OneWithABodyOrADeliveryIsNoStatus) {
  const std::string_view beat = "NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 9\r\n\r\n";
  const std::optional<StatusMessage> status = ReadStatus(*Received(beat, ""));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 100);
  EXPECT_EQ(status->description, "Idle Heartbeat");
  EXPECT_EQ(status->last_consumer_sequence, 9U);
  EXPECT_FALSE(ReadStatus(*Received(beat, "x")).has_value());
  EXPECT_FALSE(ReadStatus(*Received(kHeaders, "")).has_value());
  EXPECT_FALSE(ReadStatus(*Received("", "")).has_value());
  EXPECT_TRUE(ReadStatus(*Received("NATS/1.0 503\r\n\r\n", "")).has_value());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
