// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "http_client.h"

namespace penstock::metrics {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

HttpOptions WithMetrics() {
  return {.routes = {{"/metrics", {.handler = [](const HttpRequest&) {
                        return HttpReply{.content_type = "text/plain; version=0.0.4", .body = "up 1\n"};
                      }}}}};
}

TEST(HttpEndpointTest, ServesAHandlerOnAPortOfItsChoice) {
  const auto endpoint = Serve(WithMetrics());
  ASSERT_NE(endpoint->port(), 0);
  const std::string reply = Get(endpoint->port(), "/metrics");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Type: text/plain; version=0.0.4\r\n"));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(reply, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\nup 1\n"));
}

TEST(HttpEndpointTest, ServesARouteOnEveryKindOfThread) {
  const auto endpoint = Serve(
      {.routes = {
           {"/shared", Saying("s")}, {"/own", Saying("o", HttpThread::kOwn)}, {"/io", Saying("i", HttpThread::kIo)}}});
  EXPECT_EQ(BodyOf(Get(endpoint->port(), "/shared")), "s");
  EXPECT_EQ(BodyOf(Get(endpoint->port(), "/own")), "o");
  EXPECT_EQ(BodyOf(Get(endpoint->port(), "/io")), "i");
}

TEST(HttpEndpointTest, AnswersHeadWithoutTheBodyButWithItsLength) {
  const auto endpoint = Serve(WithMetrics());
  const std::string reply = Ask(endpoint->port(), RequestOf("HEAD", "/metrics"));
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(reply, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(reply, EndsWith("\r\n\r\n"));
}

TEST(HttpEndpointTest, AnswersOtherPathsAndMethodsWithoutAHandler) {
  const auto endpoint = Serve(WithMetrics());
  EXPECT_THAT(Get(endpoint->port(), "/metrics/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get(endpoint->port(), "/../etc/passwd"), StartsWith("HTTP/1.1 404 "));
  const std::string refused = Ask(endpoint->port(), RequestOf("POST", "/metrics"));
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(refused, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
}

TEST(HttpEndpointTest, AnswersWhatIsNoRequestWith400) {
  const auto endpoint = Serve(WithMetrics());
  const std::uint16_t port = endpoint->port();
  EXPECT_THAT(Ask(port, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(port, "GET\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(port, "GET  /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(port, std::string_view("G\0T / HTTP/1.1\r\n\r\n", 18)), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(port, "\x16\x03\x01\x02\x01\x01\x01 / x\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask(port, "GET /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 400 ")) << "no Host";
  EXPECT_THAT(Ask(port, "GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "/metrics", "Content-Length: -1\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "/metrics", "Content-Length: 1\r\nContent-Length: 2\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Get(port, "/metrics", "A field without a colon\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST(HttpEndpointTest, AnswersAHeadThatIsTooLargeWith431) {
  const auto endpoint = Serve(WithMetrics());
  const std::string many(20'000, 'a');
  EXPECT_THAT(Ask(endpoint->port(), "GET / HTTP/1.1\r\nHost: x\r\nA: " + many), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(endpoint->port(), "GET /" + many), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Get(endpoint->port(), "/metrics", "A: " + std::string(7'000, 'a') + "\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpEndpointTest, AnswersTheOlderProtocolWithoutAHost) {
  const auto endpoint = Serve(WithMetrics());
  const std::string reply = Ask(endpoint->port(), "GET /metrics HTTP/1.0\r\n\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(reply, EndsWith("\r\n\r\nup 1\n"));
}

TEST(HttpEndpointTest, RefusesOtherVersions) {
  const auto endpoint = Serve(WithMetrics());
  EXPECT_THAT(Ask(endpoint->port(), "GET /metrics HTTP/2.0\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
  EXPECT_THAT(Ask(endpoint->port(), "GET /metrics HTTP/1.1 extra\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
}

TEST(HttpEndpointTest, AnswersTheFirstOfPipelinedRequestsAndCloses) {
  std::atomic<int> asked{0};
  const auto endpoint = Serve({.routes = {{"/n", {.handler = [&asked](const HttpRequest&) {
                                             return HttpReply{.body = std::to_string(++asked)};
                                           }}}}});
  std::string many;
  for (int i = 0; i < 1000; ++i) many += RequestOf("GET", "/n");
  const std::string reply = Ask(endpoint->port(), many);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(BodyOf(reply), "1");
  EXPECT_EQ(asked, 1);
}

TEST(HttpEndpointTest, DeliversABodyLargerThanTheSocketTakesAtOnce) {
  const std::string body(8'000'000, 'b');
  const auto endpoint = Serve({.routes = {{"/big", Saying(body)}}});
  EXPECT_EQ(BodyOf(Get(endpoint->port(), "/big")).size(), body.size());
}

TEST(HttpEndpointTest, AnswersAClientThatEndsItsSideAfterTheRequest) {
  const auto endpoint = Serve(WithMetrics());
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send(RequestOf("GET", "/metrics")));
  client.EndSending();
  EXPECT_THAT(client.ReadAll(), StartsWith("HTTP/1.1 200 "));
}

TEST(HttpEndpointTest, ServesManyClientsAtOnce) {
  std::atomic<int> asked{0};
  const auto endpoint = Serve({.routes = {{"/n", {.handler = [&asked](const HttpRequest&) {
                                             return HttpReply{.body = std::to_string(++asked)};
                                           }}}}});
  std::atomic<int> served{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 50; ++n) served += Get(endpoint->port(), "/n").starts_with("HTTP/1.1 200 ");
    });
  }
  clients.clear();
  EXPECT_EQ(served, 400);
  EXPECT_EQ(asked, 400);
}

TEST(HttpEndpointTest, SaysThatThePortIsTaken) {
  const auto endpoint = Serve(WithMetrics());
  const auto second = HttpEndpoint::Listen({.port = endpoint->port()});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(second.status().ToString(), HasSubstr(std::to_string(endpoint->port())));
}

TEST(HttpEndpointTest, ListensAgainOnAPortThatWasJustInUse) {
  auto endpoint = Serve(WithMetrics());
  const std::uint16_t port = endpoint->port();
  ASSERT_NE(Get(port, "/metrics"), "");
  endpoint.reset();
  EXPECT_TRUE(HttpEndpoint::Listen({.port = port}).ok());
}

TEST(HttpEndpointTest, ListensOnAnAddressOfTheOtherFamily) {
  const auto endpoint = HttpEndpoint::Listen({.host = "::1"});
  if (endpoint.ok()) {
    EXPECT_NE((*endpoint)->port(), 0);
  } else {  // a machine without IPv6
    EXPECT_EQ(endpoint.status().code(), absl::StatusCode::kInvalidArgument) << endpoint.status();
  }
}

TEST(HttpEndpointTest, RefusesAHostThatIsNotOfThisMachine) {
  EXPECT_EQ(HttpEndpoint::Listen({.host = "192.0.2.1"}).status().code(), absl::StatusCode::kInvalidArgument);
}

std::string RefusalOf(const HttpOptions& options) {
  EXPECT_EQ(options.Validate().code(), absl::StatusCode::kInvalidArgument);
  return HttpEndpoint::Listen(options).status().ToString();
}

TEST(HttpOptionsTest, NamesTheFieldThatIsOutOfRange) {
  EXPECT_THAT(RefusalOf({.host = ""}), HasSubstr("host"));
  EXPECT_THAT(RefusalOf({.host = std::string("a\0b", 3)}), HasSubstr("host"));
  EXPECT_THAT(RefusalOf({.handler_threads = 0}), HasSubstr("handler_threads"));
  EXPECT_THAT(RefusalOf({.handler_threads = 65}), HasSubstr("handler_threads"));
  EXPECT_THAT(RefusalOf({.max_waiting = 0}), HasSubstr("max_waiting"));
  EXPECT_THAT(RefusalOf({.max_connections = 0}), HasSubstr("max_connections"));
  EXPECT_THAT(RefusalOf({.max_connections = 1025}), HasSubstr("max_connections"));
  EXPECT_THAT(RefusalOf({.connection_timeout = milliseconds(0)}), HasSubstr("connection_timeout"));
  EXPECT_THAT(RefusalOf({.connection_timeout = milliseconds(60'001)}), HasSubstr("connection_timeout"));
  EXPECT_THAT(RefusalOf({.max_streams = 0}), HasSubstr("max_streams"));
  EXPECT_THAT(RefusalOf({.stream_timeout = std::chrono::hours(25)}), HasSubstr("stream_timeout"));
  EXPECT_THAT(RefusalOf({.max_stream_queue_bytes = 1023}), HasSubstr("max_stream_queue_bytes"));
}

TEST(HttpOptionsTest, NamesTheRouteThatIsWrong) {
  const auto handler = [](const HttpRequest&) { return HttpReply{}; };
  const auto events = [](const HttpRequest&, const std::shared_ptr<EventStream>&) {};
  EXPECT_THAT(RefusalOf({.routes = {{"metrics", {.handler = handler}}}}), HasSubstr("\"metrics\""));
  EXPECT_THAT(RefusalOf({.routes = {{"/a?b", {.handler = handler}}}}), HasSubstr("\"/a?b\""));
  EXPECT_THAT(RefusalOf({.routes = {{"/m", {}}}}), HasSubstr("handler and events"));
  EXPECT_THAT(RefusalOf({.routes = {{"/m", {.handler = handler, .events = events}}}}), HasSubstr("handler and events"));
  EXPECT_THAT(RefusalOf({.routes = {{"/m", {.handler = handler, .methods = {}}}}}), HasSubstr("methods"));
  EXPECT_THAT(RefusalOf({.routes = {{"/m", {.handler = handler, .methods = {"get"}}}}}), HasSubstr("methods"));
  EXPECT_THAT(RefusalOf({.routes = {{"/m", {.handler = handler, .max_body_bytes = 1U << 30U}}}}),
              HasSubstr("max_body_bytes"));
}

}  // namespace
}  // namespace penstock::metrics
