// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/pub_ack.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::eventbus::jetstream {
namespace {

using Kind = PublishReply::Kind;

TEST(PubAckTest, ReadsWhatServersSend) {
  for (const char* body : {R"({"stream":"ORDERS","seq":7})", R"({"stream":"ORDERS", "seq":7})",
                           R"({"stream":"ORDERS", "seq":7, "domain":"hub"})", R"({"seq":7,"stream":"ORDERS"})"}) {
    const PublishReply reply = ReadPublishReply(body);
    EXPECT_EQ(reply.kind, Kind::kStored) << body;
    EXPECT_EQ(reply.ack.stream, "ORDERS");
    EXPECT_EQ(reply.ack.sequence, 7U);
    EXPECT_FALSE(reply.ack.duplicate);
  }
  const PublishReply duplicate = ReadPublishReply(R"({"stream":"ORDERS", "seq":7,"duplicate": true})");
  EXPECT_EQ(duplicate.kind, Kind::kStored);
  EXPECT_TRUE(duplicate.ack.duplicate);
}

TEST(PubAckTest, ASequenceOfZeroProvesNothing) {
  EXPECT_EQ(ReadPublishReply(R"({"stream":"ORDERS","seq":0,"duplicate":true})").kind, Kind::kUnclear);
  EXPECT_EQ(ReadPublishReply(R"({"stream":"ORDERS","seq":0})").kind, Kind::kUnclear);
}

TEST(PubAckTest, ReadsARefusal) {
  const PublishReply reply = ReadPublishReply(
      R"({"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"S","seq":3})");
  EXPECT_EQ(reply.kind, Kind::kRefused);
  EXPECT_EQ(reply.error.err_code, 10077);
  EXPECT_EQ(reply.error.description, "maximum bytes exceeded");
}

TEST(PubAckTest, WhatIsNeitherIsUnclear) {
  const std::string hostile[] = {"",
                                 "+OK",
                                 "{",
                                 "[]",
                                 "null",
                                 "{}",
                                 R"({"stream":"S","seq":-1})",
                                 R"({"stream":"S","seq":1.5})",
                                 R"({"stream":"S","seq":"1"})",
                                 R"({"stream":"S","seq":18446744073709551616})",
                                 R"({"stream":"","seq":1})",
                                 R"({"stream":5,"seq":1})",
                                 R"({"stream":"S")",
                                 R"({"stream":"S",)",
                                 R"({"stream":"S","seq":)",
                                 R"({"stream":"S","seq":1)",
                                 R"({"stream":"S","seq":1}})",
                                 std::string(10'000, '{'),
                                 R"({"stream":"S","seq":01})",
                                 "{\"stream\":\"a\tb\",\"seq\":1}",
                                 "{\"stream\":\"\xff\",\"seq\":1}",
                                 std::string("{\"stream\":\"\xff\",\"seq\":x}")};
  for (const std::string& body : hostile) EXPECT_EQ(ReadPublishReply(body).kind, Kind::kUnclear) << body;
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
