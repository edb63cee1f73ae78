// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <mutex>
#include <stdexcept>
#include <string>

#include "http_client.h"

namespace penstock::metrics {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The text that gzip has compressed; empty when it is not gzip's format.
std::string Gunzip(std::string compressed) {
  z_stream stream{};
  std::string text(1'000'000, '\0');
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return "";
  stream.next_in = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  text.resize(whole ? stream.total_out : 0);
  inflateEnd(&stream);
  return text;
}

/// Answers with what the request was.
HttpReply Echo(const HttpRequest& request) {
  return {.body = request.method + " " + request.path + " [" + request.query + "] " + request.Header("x-a") + " " +
                  request.body};
}

class HttpHandlersTest : public testing::Test {
 protected:
  void Start(HttpRoute route) {
    endpoint_ = Serve({.routes = {{"/r", std::move(route)}}, .log = [this](LogLevel level, std::string_view line) {
                         const std::lock_guard<std::mutex> lock(mutex_);
                         log_ += (level == LogLevel::kError ? "error " : "other ") + std::string(line) + "\n";
                       }});
  }
  void StartPost(std::size_t max_body_bytes) {
    Start({.handler = &Echo, .methods = {"GET", "POST"}, .max_body_bytes = max_body_bytes});
  }
  std::string Post(const std::string& fields, const std::string& body) {
    return Ask(endpoint_->port(), RequestOf("POST", "/r", fields) + body);
  }
  std::string Log() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return log_;
  }

  std::mutex mutex_;
  std::string log_;
  std::unique_ptr<HttpEndpoint> endpoint_;
};

TEST_F(HttpHandlersTest, AreToldWhatWasAsked) {
  StartPost(100);
  EXPECT_EQ(BodyOf(Get(endpoint_->port(), "/r?a=1&b=%20", "X-A: one\r\nx-a: two\r\n")), "GET /r [a=1&b=%20] one, two ");
  EXPECT_EQ(BodyOf(Post("Content-Length: 5\r\n", "hello")), "POST /r []  hello");
}

TEST_F(HttpHandlersTest, TakeABodyInChunks) {
  StartPost(10);
  EXPECT_EQ(BodyOf(Post("Transfer-Encoding: chunked\r\n", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")), "POST /r []  hello");
  EXPECT_THAT(Post("Transfer-Encoding: chunked\r\n", "b\r\nhello world\r\n0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Post("Transfer-Encoding: chunked\r\n", "no size\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Post("Transfer-Encoding: br\r\n", ""), StartsWith("HTTP/1.1 501 "));
}

TEST_F(HttpHandlersTest, AreNotAskedForABodyAboveTheLimit) {
  StartPost(10);
  EXPECT_THAT(Post("Content-Length: 10\r\n", "0123456789"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Post("Content-Length: 11\r\n", "0123456789x"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Post("Content-Length: 18446744073709551615\r\n", "x"), StartsWith("HTTP/1.1 413 "));
  const std::string large(500'000, 'x');  // still being sent when it is refused
  EXPECT_THAT(Post("Content-Length: 500000\r\n", large), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpHandlersTest, LetAClientContinueThatAsks) {
  StartPost(10);
  Client client(endpoint_->port());
  ASSERT_TRUE(client.Send(RequestOf("POST", "/r", "Expect: 100-continue\r\nContent-Length: 5\r\n")));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(client.Send("hello"));
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Post("Expect: 100-continue\r\nContent-Length: 11\r\n", ""), StartsWith("HTTP/1.1 413 "));
}

TEST_F(HttpHandlersTest, AreToldOfAHeadRequestAsOfAGet) {
  StartPost(10);
  const std::string reply = Ask(endpoint_->port(), RequestOf("HEAD", "/r"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 11\r\n"));  // of "GET /r []  "
  EXPECT_THAT(reply, EndsWith("\r\n\r\n"));
}

TEST_F(HttpHandlersTest, ThatThrowAreAnswered500AndLogged) {
  Start({.handler = [](const HttpRequest&) -> HttpReply { throw std::runtime_error("secret of the database"); }});
  const std::string reply = Get(endpoint_->port(), "/r");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(reply, Not(HasSubstr("secret")));
  EXPECT_EQ(Log(), "error http handler of \"/r\": threw: secret of the database\n");
}

TEST_F(HttpHandlersTest, ThatThrowAnythingAreAnswered500) {
  Start({.handler = [](const HttpRequest&) -> HttpReply { throw 1; }});
  EXPECT_THAT(Get(endpoint_->port(), "/r"), StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(Log(), HasSubstr("threw something"));
}

TEST_F(HttpHandlersTest, SetHeaderFieldsOfTheirOwn) {
  Start({.handler = [](const HttpRequest&) {
    return HttpReply{.status = 302, .headers = {{"Location", "/elsewhere"}, {"Cache-Control", "max-age=60"}}};
  }});
  const std::string reply = Get(endpoint_->port(), "/r");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 302 Found\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nLocation: /elsewhere\r\n"));
  EXPECT_THAT(reply, HasSubstr("\r\nCache-Control: max-age=60\r\n"));
  EXPECT_THAT(reply, Not(HasSubstr("no-store")));
}

TEST_F(HttpHandlersTest, CannotBreakTheReply) {
  HttpReply reply;
  Start({.handler = [&reply](const HttpRequest&) { return reply; }});
  for (const HttpReply& broken :
       {HttpReply{.status = 99}, HttpReply{.status = 600}, HttpReply{.content_type = "a\r\nX: y"},
        HttpReply{.headers = {{"X", "a\r\nSet-Cookie: b"}}}, HttpReply{.headers = {{"X Y", "a"}}},
        HttpReply{.headers = {{"content-length", "7"}}}, HttpReply{.headers = {{"", "a"}}}}) {
    reply = broken;
    EXPECT_THAT(Get(endpoint_->port(), "/r"), StartsWith("HTTP/1.1 500 "));
  }
}

TEST_F(HttpHandlersTest, AnswerWithoutABodyWhereNoneMayBe) {
  Start({.handler = [](const HttpRequest&) { return HttpReply{.status = 204, .body = "not sent"}; }});
  const std::string reply = Get(endpoint_->port(), "/r");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 204 "));
  EXPECT_THAT(reply, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(BodyOf(reply), "");
}

TEST_F(HttpHandlersTest, AreCompressedWhenTheClientAsks) {
  const std::string text(100'000, 'a');
  Start(Saying(text));
  const std::string plain = Get(endpoint_->port(), "/r");
  EXPECT_EQ(BodyOf(plain), text);
  EXPECT_THAT(plain, HasSubstr("\r\nVary: Accept, Accept-Encoding\r\n"));
  const std::string compressed = Get(endpoint_->port(), "/r", "Accept-Encoding: gzip, br\r\n");
  EXPECT_THAT(compressed, HasSubstr("\r\nContent-Encoding: gzip\r\n"));
  EXPECT_LT(BodyOf(compressed).size(), 10'000U);
  EXPECT_EQ(Gunzip(BodyOf(compressed)), text);
  EXPECT_THAT(Get(endpoint_->port(), "/r", "Accept-Encoding: gzip;q=0\r\n"), Not(HasSubstr("gzip")));
}

TEST_F(HttpHandlersTest, AreNotCompressedWhenItDoesNotPayOrIsDone) {
  HttpReply reply{.body = "short"};
  Start({.handler = [&reply](const HttpRequest&) { return reply; }});
  EXPECT_EQ(BodyOf(Get(endpoint_->port(), "/r", "Accept-Encoding: gzip\r\n")), "short");
  reply = {.body = std::string(2000, 'a'), .headers = {{"content-encoding", "br"}}};
  EXPECT_EQ(BodyOf(Get(endpoint_->port(), "/r", "Accept-Encoding: gzip\r\n")), reply.body);
}

}  // namespace
}  // namespace penstock::metrics
