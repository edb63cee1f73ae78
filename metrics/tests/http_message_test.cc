// SPDX-License-Identifier: Apache-2.0
#include "http_message.h"

#include <gtest/gtest.h>

namespace penstock::metrics {
namespace {

int StatusOf(std::string_view bytes) { return ParseHttpRequest(bytes).status; }

TEST(HttpMessageTest, ReadsAGetRequestAndDropsItsQuery) {
  const HttpRequest request = ParseHttpRequest("GET /metrics?name=x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(request.status, 200);
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_FALSE(request.head_only);
}

TEST(HttpMessageTest, ReadsAHeadRequestOfTheOlderProtocol) {
  const HttpRequest request = ParseHttpRequest("HEAD / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(request.status, 200);
  EXPECT_TRUE(request.head_only);
}

TEST(HttpMessageTest, WaitsForTheWholeHead) {
  const std::string_view whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(StatusOf(whole.substr(0, size)), 0) << size;
  EXPECT_EQ(StatusOf(whole), 200);
}

TEST(HttpMessageTest, RefusesOtherMethods) {
  EXPECT_EQ(StatusOf("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), 405);
  EXPECT_EQ(StatusOf("DELETE /metrics HTTP/1.1\r\n\r\n"), 405);
}

TEST(HttpMessageTest, RefusesWhatIsNoRequest) {
  EXPECT_EQ(StatusOf("\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET  / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET http://elsewhere/ HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1 extra\r\n\r\n"), 505);
  EXPECT_EQ(StatusOf(std::string_view("G\0T / HTTP/1.1\r\n\r\n", 18)), 400);
  EXPECT_EQ(StatusOf("\x16\x03\x01\x02 / x\r\n\r\n"), 400);
}

TEST(HttpMessageTest, RefusesAnotherProtocolVersion) { EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\n\r\n"), 505); }

TEST(HttpMessageTest, RefusesAHeadThatIsTooLarge) {
  EXPECT_EQ(StatusOf(std::string(kMaxHeadBytes - 1, 'a')), 0);
  EXPECT_EQ(StatusOf(std::string(kMaxHeadBytes, 'a')), 431);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nA: " + std::string(kMaxHeadBytes, 'a') + "\r\n\r\n"), 431);
}

TEST(HttpMessageTest, WritesAReplyWithItsLength) {
  const std::string bytes = SerializeHttpReply({.status = 503, .content_type = "text/x", .body = "no"}, false);
  EXPECT_TRUE(bytes.starts_with("HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/x\r\nContent-Length: 2\r\n"));
  EXPECT_TRUE(bytes.ends_with("\r\n\r\nno"));
}

TEST(HttpMessageTest, LeavesTheBodyOutButNotItsLengthForHead) {
  const std::string bytes = SerializeHttpReply({.body = "body"}, true);
  EXPECT_NE(bytes.find("Content-Length: 4\r\n"), std::string::npos);
  EXPECT_TRUE(bytes.ends_with("\r\n\r\n"));
}

TEST(HttpMessageTest, SaysWhichMethodsAreAllowed) {
  EXPECT_NE(SerializeHttpReply(Refusal(405), false).find("\r\nAllow: GET, HEAD\r\n"), std::string::npos);
}

}  // namespace
}  // namespace penstock::metrics
