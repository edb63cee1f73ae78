// SPDX-License-Identifier: Apache-2.0
#include "support/tcp_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/eventually.h"
#include "support/status_matchers.h"

namespace penstock::testing {
namespace {

using Flow = TcpProxy::Flow;
using Ending = TcpProxy::Ending;

constexpr int kPatienceMs = 5000;
constexpr int kMomentMs = 50;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// One end of a connection.
class End {
 public:
  explicit End(int socket) : socket_(socket) {}
  End(End&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  End& operator=(End&&) = delete;
  ~End() { Close(); }

  static End Dial(int port) {
    const int dialled = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(port);
    EXPECT_EQ(connect(dialled, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return End(dialled);
  }
  bool Readable(int timeout_ms) const {
    pollfd readable{socket_, POLLIN, 0};
    return poll(&readable, 1, timeout_ms) > 0;
  }
  void Say(const std::string& text) const {
    for (std::size_t said = 0; said < text.size();) {
      const ssize_t count = send(socket_, text.data() + said, text.size() - said, MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      said += static_cast<std::size_t>(count);
    }
  }
  /// `size` bytes, or fewer when the connection ended or nothing more came.
  std::string Hear(std::size_t size) const {
    std::string text(size, '\0');
    std::size_t heard = 0;
    while (heard < size && Readable(kPatienceMs)) {
      const ssize_t count = recv(socket_, text.data() + heard, size - heard, 0);
      if (count <= 0) break;
      heard += static_cast<std::size_t>(count);
    }
    text.resize(heard);
    return text;
  }
  bool AtEnd() const {
    char byte;
    return Readable(kPatienceMs) && recv(socket_, &byte, 1, 0) == 0;
  }
  bool Reset() const {
    char byte;
    return Readable(kPatienceMs) && recv(socket_, &byte, 1, 0) < 0 && errno == ECONNRESET;
  }
  void Close() {
    if (socket_ >= 0) close(std::exchange(socket_, -1));
  }

 private:
  int socket_;
};

/// A server on a free port.
class Listener {
 public:
  Listener() {
    sockaddr_in address = Loopback(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { Close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int port() const { return port_; }
  End Accept() const {
    pollfd readable{socket_, POLLIN, 0};
    const bool knocked = poll(&readable, 1, kPatienceMs) > 0;
    EXPECT_TRUE(knocked) << "nobody connected";
    return End(knocked ? accept(socket_, nullptr, nullptr) : -1);
  }
  void Close() {
    if (socket_ >= 0) close(std::exchange(socket_, -1));
  }

 private:
  int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int port_ = 0;
};

class TcpProxyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto proxy = TcpProxy::Start(listener_.port());
    ASSERT_THAT(proxy, IsOk());
    proxy_ = *std::move(proxy);
  }
  End Accept() const { return listener_.Accept(); }
  bool Forgets() const {
    return Eventually([&] { return proxy_->connections() == 0; }, std::chrono::seconds(5));
  }

  Listener listener_;
  std::unique_ptr<TcpProxy> proxy_;
};

TEST_F(TcpProxyTest, PassesBytesBothWays) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  client.Say("ping");
  EXPECT_EQ(server.Hear(4), "ping");
  server.Say("pong");
  EXPECT_EQ(client.Hear(4), "pong");
}

TEST_F(TcpProxyTest, TellsItsAddress) {
  EXPECT_EQ(proxy_->url(), "nats://127.0.0.1:" + std::to_string(proxy_->port()));
}

TEST_F(TcpProxyTest, PassesMuchWithoutLosingAByte) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  std::string much(8 << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 31 + i / 251);
  std::thread speaker([&] { client.Say(much); });
  EXPECT_TRUE(server.Hear(much.size()) == much);
  speaker.join();
}

TEST_F(TcpProxyTest, PassesTheEndOfEitherSide) {
  End client = End::Dial(proxy_->port());
  const End server = Accept();
  client.Say("last");
  client.Close();
  EXPECT_EQ(server.Hear(4), "last");
  EXPECT_TRUE(server.AtEnd());
}

TEST_F(TcpProxyTest, ForgetsAConnectionThatBothSidesEnded) {
  End client = End::Dial(proxy_->port());
  End server = Accept();
  client.Close();
  EXPECT_TRUE(server.AtEnd());
  EXPECT_EQ(proxy_->connections(), 1u);
  server.Close();
  EXPECT_TRUE(Forgets());
}

TEST_F(TcpProxyTest, LeadsConnectionsToComeToWhereTheServerIsNow) {
  const End old = End::Dial(proxy_->port());
  const End old_server = Accept();
  const Listener other;
  proxy_->ServerIsAt(other.port());
  const End client = End::Dial(proxy_->port());
  const End server = other.Accept();
  client.Say("new");
  EXPECT_EQ(server.Hear(3), "new");
  old.Say("old");
  EXPECT_EQ(old_server.Hear(3), "old");
}

TEST_F(TcpProxyTest, EndsTheClientWhileTheServerIsNowhere) {
  proxy_->ServerIsAt(0);
  const End refused = End::Dial(proxy_->port());
  EXPECT_TRUE(refused.Readable(kPatienceMs));
  EXPECT_EQ(refused.Hear(1), "");
  proxy_->ServerIsAt(listener_.port());
  const End client = End::Dial(proxy_->port());
  client.Say("back");
  EXPECT_EQ(Accept().Hear(4), "back");
}

TEST_F(TcpProxyTest, EndsTheClientWhereNobodyListens) {
  listener_.Close();
  const End client = End::Dial(proxy_->port());
  EXPECT_TRUE(client.Readable(kPatienceMs));
  EXPECT_EQ(client.Hear(1), "");
  EXPECT_TRUE(Forgets());
}

TEST_F(TcpProxyTest, CutsEveryConnectionWithAReset) {
  const End first = End::Dial(proxy_->port());
  const End first_server = Accept();
  const End second = End::Dial(proxy_->port());
  const End second_server = Accept();
  second.Say("x");
  EXPECT_EQ(second_server.Hear(1), "x");
  EXPECT_EQ(proxy_->Cut(Ending::kReset), 2u);
  EXPECT_TRUE(first.Reset());
  EXPECT_TRUE(first_server.Reset());
  EXPECT_TRUE(second.Reset());
  EXPECT_TRUE(second_server.Reset());
}

TEST_F(TcpProxyTest, CutsNothingWhereThereIsNothing) { EXPECT_EQ(proxy_->Cut(Ending::kReset), 0u); }

TEST_F(TcpProxyTest, TakesNewConnectionsAfterACut) {
  const End old = End::Dial(proxy_->port());
  const End old_server = Accept();
  EXPECT_EQ(proxy_->connections(), 1u);
  EXPECT_EQ(proxy_->Cut(), 1u);
  EXPECT_EQ(proxy_->connections(), 0u);
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  client.Say("again");
  EXPECT_EQ(server.Hear(5), "again");
}

TEST_F(TcpProxyTest, HalfClosesTowardsTheClientAndStillPassesWhatItSays) {
  End client = End::Dial(proxy_->port());
  const End server = Accept();
  client.Say("a");
  EXPECT_EQ(server.Hear(1), "a");
  EXPECT_EQ(proxy_->Cut(Ending::kHalfClose), 1u);
  EXPECT_TRUE(client.AtEnd());
  client.Say("b");
  EXPECT_EQ(server.Hear(1), "b");
  client.Close();
  EXPECT_TRUE(server.AtEnd());
}

TEST_F(TcpProxyTest, HoldsOneDirectionAndPassesTheOther) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  proxy_->SetFlow(Flow::kForward, Flow::kHold);
  server.Say("held");
  client.Say("passed");
  EXPECT_EQ(server.Hear(6), "passed");
  EXPECT_FALSE(client.Readable(kMomentMs));
  proxy_->SetFlow(Flow::kForward, Flow::kForward);
  EXPECT_EQ(client.Hear(4), "held");
}

TEST_F(TcpProxyTest, HoldsConnectionsThatComeMeanwhile) {
  proxy_->SetFlow(Flow::kHold, Flow::kHold);
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  server.Say("INFO");
  client.Say("CONNECT");
  EXPECT_FALSE(client.Readable(kMomentMs));
  EXPECT_FALSE(server.Readable(kMomentMs));
}

TEST_F(TcpProxyTest, DropsWhatItHeldWhenItCuts) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  proxy_->SetFlow(Flow::kHold, Flow::kForward);
  client.Say("gone");
  EXPECT_EQ(proxy_->Cut(Ending::kReset), 1u);
  EXPECT_TRUE(server.Reset());
}

TEST_F(TcpProxyTest, Trickles) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  proxy_->SetFlow(Flow::kTrickle, Flow::kTrickle);
  const auto begun = std::chrono::steady_clock::now();
  client.Say(std::string(10'240, 'x'));
  EXPECT_EQ(server.Hear(10'240).size(), 10'240u);
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(20)) << "40 rounds of a millisecond";
}

TEST_F(TcpProxyTest, FreezesTheConnectionsThatThereAreAndServesThoseToCome) {
  const End frozen = End::Dial(proxy_->port());
  const End frozen_server = Accept();
  EXPECT_EQ(proxy_->Freeze(), 1u);
  frozen.Say("lost");
  frozen_server.Say("lost");
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  client.Say("ping");
  EXPECT_EQ(server.Hear(4), "ping");
  server.Say("pong");
  EXPECT_EQ(client.Hear(4), "pong");
  EXPECT_FALSE(frozen.Readable(kMomentMs));
  EXPECT_FALSE(frozen_server.Readable(kMomentMs));
  EXPECT_EQ(proxy_->Freeze(), 1u) << "the first is frozen already";
}

TEST_F(TcpProxyTest, KeepsConnectionsFrozenWhateverTheFlow) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  EXPECT_EQ(proxy_->Freeze(), 1u);
  client.Say("lost");
  proxy_->SetFlow(Flow::kTrickle, Flow::kTrickle);
  EXPECT_FALSE(server.Readable(kMomentMs));
  proxy_->SetFlow(Flow::kForward, Flow::kForward);
  EXPECT_FALSE(server.Readable(kMomentMs));
}

TEST_F(TcpProxyTest, TellsNoEndOfAFrozenConnectionWhatBecomesOfTheOther) {
  End client = End::Dial(proxy_->port());
  const End server = Accept();
  EXPECT_EQ(proxy_->Freeze(), 1u);
  client.Close();
  EXPECT_FALSE(server.Readable(kMomentMs));
  EXPECT_EQ(proxy_->connections(), 1u);
}

TEST_F(TcpProxyTest, CutsFrozenConnectionsToo) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  EXPECT_EQ(proxy_->Freeze(), 1u);
  EXPECT_EQ(proxy_->Cut(), 1u);
  EXPECT_TRUE(client.Reset());
  EXPECT_TRUE(server.Reset());
}

TEST_F(TcpProxyTest, ObeysSeveralThreads) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int call = 0; call < 100; ++call) {
        proxy_->SetFlow(Flow::kForward, Flow::kForward);
        EXPECT_EQ(proxy_->connections(), 1u);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  client.Say("still");
  EXPECT_EQ(server.Hear(5), "still");
}

TEST_F(TcpProxyTest, ClosesItsConnectionsWhenItEnds) {
  const End client = End::Dial(proxy_->port());
  const End server = Accept();
  proxy_.reset();
  EXPECT_TRUE(client.Readable(kPatienceMs));
  EXPECT_EQ(client.Hear(1), "");
  EXPECT_EQ(server.Hear(1), "");
}

}  // namespace
}  // namespace penstock::testing
