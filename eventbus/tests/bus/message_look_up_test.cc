// SPDX-License-Identifier: Apache-2.0
#include "bus/look_up/message_look_up.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "transport/connect.h"

namespace penstock::eventbus {
namespace {

class MessageLookUpTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(transport_->EnsureStream({.name = "ORDERS", .subjects = {"orders"}}).ok());
    for (int i = 0; i < 2; ++i) {
      OutboundMessage message{.subject = "orders", .body = "x", .message_id = std::to_string(i)};
      ASSERT_TRUE(transport_->Publish(std::move(message), [](const absl::StatusOr<PubAck>&) {}).ok());
    }
    ASSERT_TRUE(transport_->DeleteMessage("ORDERS", 1).ok());
  }

  bool IsGone(const std::string& stream, std::uint64_t sequence) {
    std::promise<bool> gone;
    look_ups_.LookUp(stream, sequence, [&gone](bool is) { gone.set_value(is); });
    return gone.get_future().get();
  }

  std::unique_ptr<Transport> transport_ = *ConnectMemory({.url = "memory://look-ups", .client_id = "test"});
  MessageLookUp look_ups_{*transport_};
};

TEST_F(MessageLookUpTest, TellsWhatIsDeletedFromWhatIsThere) {
  EXPECT_TRUE(IsGone("ORDERS", 1));
  EXPECT_FALSE(IsGone("ORDERS", 2));
}

TEST_F(MessageLookUpTest, WithoutItsStreamNothingIsKnownToBeGoneAndNothingIsAskedForAWhile) {
  EXPECT_FALSE(IsGone("NOWHERE", 1));
  EXPECT_FALSE(IsGone("ORDERS", 1)) << "the server had no answer just now";
}

TEST_F(MessageLookUpTest, WhatIsAskedAfterTheEndIsThere) {
  look_ups_.Stop();
  EXPECT_FALSE(IsGone("ORDERS", 1));
}

}  // namespace
}  // namespace penstock::eventbus
