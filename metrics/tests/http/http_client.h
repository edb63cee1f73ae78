// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "penstock/metrics/http_endpoint.h"

namespace penstock::metrics {

/// A client connection to loopback that gives up after ten seconds.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
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
    while (!bytes.empty()) {
      const ssize_t count = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  void EndSending() { shutdown(fd_, SHUT_WR); }
  /// Everything until the server closes.
  std::string ReadAll() { return ReadUntil(""); }
  /// Everything that comes until `end` has come, or the server closes. Nothing is kept for the next call.
  std::string ReadUntil(std::string_view end) {
    std::string all;
    char buffer[4096];
    while (end.empty() || all.find(end) == std::string::npos) {
      const ssize_t count = recv(fd_, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  int fd_;
  bool connected_ = false;
};

inline std::string Ask(std::uint16_t port, std::string_view request) {
  Client client(port);
  client.Send(request);
  return client.ReadAll();
}

/// A request without a body; `fields` are whole header lines.
inline std::string RequestOf(const std::string& method, const std::string& path, const std::string& fields = "") {
  return method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}

inline std::string Get(std::uint16_t port, const std::string& path, const std::string& fields = "") {
  return Ask(port, RequestOf("GET", path, fields));
}

inline std::string BodyOf(const std::string& reply) {
  const std::size_t end = reply.find("\r\n\r\n");
  return end == std::string::npos ? "" : reply.substr(end + 4);
}

inline std::unique_ptr<HttpEndpoint> Serve(HttpOptions options) {
  auto endpoint = HttpEndpoint::Listen(std::move(options));
  EXPECT_TRUE(endpoint.ok()) << endpoint.status();
  return std::move(endpoint).value();
}

/// A route that answers with this text.
inline HttpRoute Saying(std::string text, HttpThread thread = HttpThread::kShared) {
  return {.handler = [text = std::move(text)](const HttpRequest&) { return HttpReply{.body = text}; },
          .thread = thread};
}

}  // namespace penstock::metrics
