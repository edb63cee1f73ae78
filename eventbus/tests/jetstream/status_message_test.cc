// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/status_message.h"

#include <gtest/gtest.h>

namespace penstock::eventbus::jetstream {
namespace {

StatusMeaning Meaning(int code, const char* description = "") {
  StatusMessage status;
  status.code = code;
  status.description = description;
  return MeaningOf(status);
}

TEST(StatusMessageTest, TellsWhatEachStatusOfAPullMeans) {
  EXPECT_EQ(Meaning(100, "Idle Heartbeat"), StatusMeaning::kHeartbeat);
  EXPECT_EQ(Meaning(400, "Bad Request"), StatusMeaning::kUnfit);
  EXPECT_EQ(Meaning(404, "No Messages"), StatusMeaning::kRequestEnded);
  EXPECT_EQ(Meaning(408, "Request Timeout"), StatusMeaning::kRequestEnded);
  EXPECT_EQ(Meaning(409, "Batch Completed"), StatusMeaning::kRequestEnded);
  EXPECT_EQ(Meaning(409, "Consumer Deleted"), StatusMeaning::kConsumerGone);
  EXPECT_EQ(Meaning(409, "Consumer is push based"), StatusMeaning::kUnfit);
  EXPECT_EQ(Meaning(409, "Leadership Change"), StatusMeaning::kBackOff);
  EXPECT_EQ(Meaning(409, "Server Shutdown"), StatusMeaning::kBackOff);
  EXPECT_EQ(Meaning(409, "Exceeded MaxWaiting"), StatusMeaning::kBackOff);
  EXPECT_EQ(Meaning(409, "Exceeded MaxRequestBatch of 1"), StatusMeaning::kUnfit);
  EXPECT_EQ(Meaning(409, "Exceeded MaxRequestExpires of 1s"), StatusMeaning::kUnfit);
  EXPECT_EQ(Meaning(409, ""), StatusMeaning::kBackOff);
  EXPECT_EQ(Meaning(423, "Nats-Wrong-Pin-Id"), StatusMeaning::kBackOff);
  EXPECT_EQ(Meaning(503, ""), StatusMeaning::kConsumerGone);
  EXPECT_EQ(Meaning(999, "of the future"), StatusMeaning::kBackOff);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
