// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/http_endpoint.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace penstock::metrics {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A client connection to loopback that gives up after ten seconds.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }
  bool Send(std::string_view bytes) {
    return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  /// Everything until the server closes.
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    for (ssize_t count = 0; (count = recv(fd_, buffer, sizeof buffer, 0)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int fd_;
  bool connected_ = false;
};

std::string Ask(std::uint16_t port, std::string_view request) {
  Client client(port);
  client.Send(request);
  return client.ReadAll();
}

HttpOptions WithMetrics() {
  return {
      .handlers = {{"/metrics", [] { return HttpReply{.content_type = kTextFormatContentType, .body = "up 1\n"}; }}}};
}

std::unique_ptr<HttpEndpoint> Start(HttpOptions options) {
  auto endpoint = HttpEndpoint::Listen(std::move(options));
  EXPECT_TRUE(endpoint.ok()) << endpoint.status();
  return std::move(endpoint).value();
}

TEST(HttpEndpointTest, ServesAHandlerOnAPortOfItsChoice) {
  const auto endpoint = Start(WithMetrics());
  ASSERT_NE(endpoint->port(), 0);
  const std::string reply = Ask(endpoint->port(), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(reply.starts_with("HTTP/1.1 200 OK\r\n")) << reply;
  EXPECT_NE(reply.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
  EXPECT_TRUE(reply.ends_with("\r\n\r\nup 1\n"));
}

TEST(HttpEndpointTest, AnswersOtherPathsAndMethodsWithoutAHandler) {
  const auto endpoint = Start(WithMetrics());
  EXPECT_TRUE(Ask(endpoint->port(), "GET /metrics/ HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Ask(endpoint->port(), "GET /../etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  EXPECT_TRUE(Ask(endpoint->port(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(Ask(endpoint->port(), "nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

TEST(HttpEndpointTest, RefusesAPostWhoseBodyIsStillComing) {
  const auto endpoint = Start(WithMetrics());
  Client client(endpoint->port());
  ASSERT_TRUE(client.Send("POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(50'000, 'x')));
  EXPECT_TRUE(client.ReadAll().starts_with("HTTP/1.1 405 "));
}

TEST(HttpEndpointTest, RefusesAHeadWithoutEnd) {
  const auto endpoint = Start(WithMetrics());
  EXPECT_TRUE(Ask(endpoint->port(), "GET / HTTP/1.1\r\n" + std::string(20'000, 'a')).starts_with("HTTP/1.1 431 "));
}

TEST(HttpEndpointTest, DeliversABodyLargerThanTheSocketTakesAtOnce) {
  const std::string body(8'000'000, 'b');
  const auto endpoint = Start({.handlers = {{"/big", [&body] { return HttpReply{.body = body}; }}}});
  const std::string reply = Ask(endpoint->port(), "GET /big HTTP/1.1\r\n\r\n");
  EXPECT_EQ(reply.size() - reply.find("\r\n\r\n") - 4, body.size());
}

TEST(HttpEndpointTest, ServesOthersWhileOneClientDripsItsRequest) {
  const auto endpoint = Start(WithMetrics());
  Client slow(endpoint->port());
  ASSERT_TRUE(slow.Send("GET /metr"));
  EXPECT_TRUE(Ask(endpoint->port(), "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
  ASSERT_TRUE(slow.Send("ics HTTP/1.1\r\n\r\n"));
  EXPECT_TRUE(slow.ReadAll().starts_with("HTTP/1.1 200 "));
}

TEST(HttpEndpointTest, ClosesAConnectionThatNeverAsks) {
  HttpOptions options = WithMetrics();
  options.connection_timeout = milliseconds(50);
  const auto endpoint = Start(std::move(options));
  Client idle(endpoint->port());
  const auto begin = Clock::now();
  EXPECT_EQ(idle.ReadAll(), "");
  EXPECT_LT(Clock::now() - begin, milliseconds(5000));
}

TEST(HttpEndpointTest, LetsMoreClientsThanItServesAtOnceWaitTheirTurn) {
  HttpOptions options = WithMetrics();
  options.max_connections = 2;
  options.connection_timeout = milliseconds(100);
  const auto endpoint = Start(std::move(options));
  const Client first(endpoint->port());
  const Client second(endpoint->port());
  EXPECT_TRUE(Ask(endpoint->port(), "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
}

TEST(HttpEndpointTest, ServesManyClientsAtOnce) {
  std::atomic<int> asked{0};
  const auto endpoint = Start({.handlers = {{"/n", [&asked] { return HttpReply{.body = std::to_string(++asked)}; }}}});
  std::atomic<int> served{0};
  std::vector<std::jthread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 50; ++n)
        served += Ask(endpoint->port(), "GET /n HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 ");
    });
  }
  clients.clear();
  EXPECT_EQ(served, 400);
  EXPECT_EQ(asked, 400);
}

TEST(HttpEndpointTest, StopsAtOnceAlthoughAClientHangs) {
  const auto endpoint = Start(WithMetrics());
  Client hanging(endpoint->port());
  ASSERT_TRUE(hanging.Send("GET /met"));
  ASSERT_TRUE(Ask(endpoint->port(), "GET /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
  const auto begin = Clock::now();
  endpoint->Stop();
  endpoint->Stop();
  EXPECT_LT(Clock::now() - begin, milliseconds(2000));
  EXPECT_FALSE(Client(endpoint->port()).connected());
  EXPECT_EQ(hanging.ReadAll(), "");
}

TEST(HttpEndpointTest, SaysThatThePortIsTaken) {
  const auto endpoint = Start(WithMetrics());
  const auto second = HttpEndpoint::Listen({.port = endpoint->port()});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(second.status().ToString().find(std::to_string(endpoint->port())), std::string::npos) << second.status();
}

TEST(HttpEndpointTest, ListensAgainOnAPortThatWasJustInUse) {
  auto endpoint = Start(WithMetrics());
  const std::uint16_t port = endpoint->port();
  ASSERT_NE(Ask(port, "GET /metrics HTTP/1.1\r\n\r\n"), "");
  endpoint.reset();
  EXPECT_TRUE(HttpEndpoint::Listen({.port = port}).ok());
}

TEST(HttpEndpointTest, RefusesOptionsOutOfRangeByName) {
  const auto refusal = [](const HttpOptions& options) {
    EXPECT_EQ(options.Validate().code(), absl::StatusCode::kInvalidArgument);
    return HttpEndpoint::Listen(options).status().ToString();
  };
  EXPECT_NE(refusal({.host = ""}).find("host"), std::string::npos);
  EXPECT_NE(refusal({.host = std::string("a\0b", 3)}).find("host"), std::string::npos);
  EXPECT_NE(refusal({.handlers = {{"metrics", [] { return HttpReply{}; }}}}).find("path"), std::string::npos);
  EXPECT_NE(refusal({.handlers = {{"/metrics", nullptr}}}).find("/metrics"), std::string::npos);
  EXPECT_NE(refusal({.max_connections = 0}).find("max_connections"), std::string::npos);
  EXPECT_NE(refusal({.max_connections = 1025}).find("max_connections"), std::string::npos);
  EXPECT_NE(refusal({.connection_timeout = milliseconds(0)}).find("connection_timeout"), std::string::npos);
  EXPECT_NE(refusal({.connection_timeout = milliseconds(60'001)}).find("connection_timeout"), std::string::npos);
}

TEST(HttpEndpointTest, RefusesAHostThatIsNotOfThisMachine) {
  EXPECT_EQ(HttpEndpoint::Listen({.host = "192.0.2.1"}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock::metrics
