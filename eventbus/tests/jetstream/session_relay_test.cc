// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/session_relay.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

using ::testing::HasSubstr;

class Client {
 public:
  explicit Client(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  bool connected() const { return connected_; }
  void Say(const std::string& text) {
    EXPECT_EQ(send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  /// The next bytes that come; "" at the end of the connection.
  std::string Hear() {
    std::array<char, 4096> bytes;
    const ssize_t count = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    return count > 0 ? std::string(bytes.data(), static_cast<std::size_t>(count)) : "";
  }

 private:
  FileDescriptor socket_;
  bool connected_ = false;
};

class SessionRelayTest : public ::testing::Test {
 protected:
  SessionRelayTest()
      : relay_(*SessionRelay::Listen("INFO {}\r\n", {.name = "billing", .user = "ada", .password = "pw"})) {}

  absl::Status Turn() {
    pollfd fd{relay_.descriptor(), POLLIN, 0};
    EXPECT_EQ(poll(&fd, 1, 10'000), 1);
    return relay_.OnReadable(queue_);
  }
  std::string Connect(const std::string& name) { return absl::StrCat("CONNECT {\"name\":\"", name, "\"}\r\n"); }
  std::string Queued() {
    struct Taker final : ByteStream {
      int descriptor() const override { return -1; }
      Progress Read(std::span<const iovec> /*room*/) override { return {}; }
      Progress Write(std::string_view bytes) override {
        text.append(bytes);
        return {.bytes = bytes.size()};
      }
      absl::Status fault() const override { return absl::OkStatus(); }
      void Shutdown() override {}
      std::string text{};
    } taker;
    queue_.Write(taker);
    return taker.text;
  }

  SessionRelay relay_;
  SendQueue queue_{};
};

TEST_F(SessionRelayTest, CarriesTheSession) {
  Client library(relay_.port());
  EXPECT_TRUE(Turn().ok());
  EXPECT_EQ(library.Hear(), "INFO {}\r\n");
  library.Say(Connect(relay_.admission()) + "PING\r\n");
  EXPECT_TRUE(Turn().ok());
  const std::string queued = Queued();
  EXPECT_THAT(queued, HasSubstr(R"("user":"ada")"));
  EXPECT_TRUE(queued.ends_with("PING\r\n"));
  EXPECT_EQ(queue_.TakePing(), SendQueue::PingOwner::kLibrary);
  EXPECT_FALSE(relay_.established());
  EXPECT_TRUE(relay_.SendPong().ok());
  EXPECT_TRUE(relay_.established());
  EXPECT_EQ(library.Hear(), "PONG\r\n");
  EXPECT_FALSE(Client(relay_.port()).connected()) << "one is let in, and no more";
}

TEST_F(SessionRelayTest, RefusesAnotherProgramAndWaitsForTheLibrary) {
  Client impostor(relay_.port());
  EXPECT_TRUE(Turn().ok());
  impostor.Say(Connect("guess") + "PING\r\n");
  EXPECT_TRUE(Turn().ok());
  EXPECT_EQ(Queued(), "") << "nothing of the impostor's reaches the server";
  Client library(relay_.port());
  EXPECT_TRUE(Turn().ok());
  library.Say(Connect(relay_.admission()));
  EXPECT_TRUE(Turn().ok());
  EXPECT_THAT(Queued(), HasSubstr("\"name\":\"billing\""));
}

TEST_F(SessionRelayTest, EndsWithTheLibrary) {
  {
    Client library(relay_.port());
    EXPECT_TRUE(Turn().ok());
    library.Say(Connect(relay_.admission()));
    EXPECT_TRUE(Turn().ok());
  }
  EXPECT_TRUE(absl::IsUnavailable(Turn()));
}

TEST_F(SessionRelayTest, EndsWhenTheLibrarySaysWhatIsNotItsPart) {
  Client library(relay_.port());
  EXPECT_TRUE(Turn().ok());
  library.Say(Connect(relay_.admission()) + "SUB > 1\r\n");
  EXPECT_FALSE(Turn().ok());
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
