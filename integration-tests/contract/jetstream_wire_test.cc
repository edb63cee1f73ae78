// SPDX-License-Identifier: Apache-2.0
// Messages over one connection, in plaintext and encrypted.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/jetstream_fixture.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/inbox.h"
#include "jetstream/message/encoded_publish.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::contract {
namespace {

using jetstream::Connection;
using jetstream::Inbox;
using jetstream::Link;
using jetstream::MessageHandle;
using jetstream::Publication;
using ::testing::ElementsAreArray;

/// A message as a short text.
std::string Told(const Headers& headers, std::string_view body) {
  std::string text;
  for (const auto& [name, value] : headers) absl::StrAppend(&text, name, "=", value, " ");
  if (body.size() < 20) return text.append(body);
  return absl::StrCat(text, body.size(), " bytes, hash ", std::hash<std::string_view>()(body));
}

/// Keeps what comes to a subject, on a connection of its own.
class Receiver {
 public:
  /// `known`: waits until the server knows of it.
  Receiver(std::shared_ptr<Connection> connection, const std::string& subject, bool known = true)
      : connection_(std::move(connection)), inbox_(Open(subject)) {
    inbox_->Release();
    EXPECT_TRUE(!known || connection_->link()->Ping(Link::Clock::now() + seconds(5)));
  }
  ~Receiver() { inbox_->Close(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  /// Waits for so many, as `Told`.
  std::vector<std::string> Await(std::size_t count) {
    EXPECT_TRUE(Eventually([&] { return texts().size() >= count; }, seconds(30), milliseconds(5)));
    return texts();
  }

 private:
  std::shared_ptr<Inbox> Open(const std::string& subject) {
    return *Inbox::Open(connection_->link(), subject, Inbox::Use::kDeliveries, [this](MessageHandle message, bool) {
      MutexLock lock(mutex_);
      texts_.push_back(Told(message->AllHeaders(), message->payload()));
    });
  }
  std::vector<std::string> texts() {
    MutexLock lock(mutex_);
    return texts_;
  }

  const std::shared_ptr<Connection> connection_;
  Mutex mutex_;
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_){};
  const std::shared_ptr<Inbox> inbox_;
};

/// The parameter: whether the connections are encrypted.
class JetStreamWireTest : public JetStreamFixture, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    GetParam() ? LaunchEncrypted() : Launch({.config = "max_payload: 2097152"});
    connection_ = Open();
    link_ = connection_->link();
  }
  std::shared_ptr<Connection> Open() { return *OpenConnection(Options()); }

  std::shared_ptr<Connection> connection_;
  std::shared_ptr<Link> link_;
};

// A subscription made between two publishes gets the later message and not the earlier one.
TEST_P(JetStreamWireTest, KeepsTheOrderOfPublishesAndSubscriptions) {
  for (int round = 0; round < 300; ++round) {
    const std::string subject = absl::StrCat("round.", round);
    ASSERT_THAT(link_->Publish({.subject = subject, .body = "early"}), IsOk());
    Receiver receiver(connection_, subject, /*known=*/false);
    ASSERT_THAT(link_->Publish({.subject = subject, .body = "late"}), IsOk());
    link_->loop().WriteSoon();
    ASSERT_EQ(receiver.Await(1), std::vector<std::string>{"late"});
  }
}

TEST_P(JetStreamWireTest, CarriesBodiesOfEverySize) {
  Receiver receiver(Open(), "sizes");
  const std::string headers = "NATS/1.0\r\na: b\r\n\r\n";
  std::vector<std::string> sent;
  for (const std::size_t size : {0, 1, 1000, 65'500, 65'536, 70'000, 300'000, 1'000'000}) {
    const std::string body(size, static_cast<char>('a' + size % 26));
    ASSERT_THAT(link_->Publish({.subject = "sizes", .body = body}), IsOk());
    sent.push_back(Told({}, body));
    ASSERT_THAT(link_->Publish({.subject = "sizes", .body = body, .headers = headers}), IsOk());
    sent.push_back(Told({{"a", "b"}}, body));
  }
  EXPECT_THAT(receiver.Await(sent.size()), ElementsAreArray(sent));
}

TEST_P(JetStreamWireTest, WritesWhatWasPublishedBeforeItCloses) {
  Receiver receiver(Open(), "last");
  std::vector<std::string> sent;
  for (int i = 0; i < 1000; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_THAT(link_->Publish({.subject = "last", .body = sent.back()}), IsOk());
  }
  link_->Close();
  EXPECT_THAT(receiver.Await(sent.size()), ElementsAreArray(sent));
  EXPECT_THAT(link_->Publish({.subject = "last", .body = "late"}), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_P(JetStreamWireTest, RefusesABodyThatTheServerWould) {
  const std::string body(link_->max_payload_bytes() + 1, 'x');
  EXPECT_THAT(link_->Publish({.subject = "large", .body = body}), StatusIs(absl::StatusCode::kInvalidArgument));
  const std::string most(link_->max_payload_bytes(), 'x');
  EXPECT_THAT(link_->Publish({.subject = "large", .body = most, .headers = "NATS/1.0\r\n\r\n"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_TRUE(link_->Ping(Link::Clock::now() + seconds(5)));
  EXPECT_TRUE(link_->usable());
}

TEST_P(JetStreamWireTest, LeavesNoFileOpen) {
  const auto open_files = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  Open()->Close(milliseconds(0));
  const auto before = open_files();
  for (int round = 0; round < 20; ++round) Open()->Close(milliseconds(0));
  EXPECT_EQ(open_files(), before);
}

std::string NameOf(const ::testing::TestParamInfo<bool>& encrypted) { return encrypted.param ? "Encrypted" : "Plain"; }

INSTANTIATE_TEST_SUITE_P(Wires, JetStreamWireTest, ::testing::Bool(), NameOf);

TEST_F(JetStreamFixture, AWireRefusesASubjectThatWouldEndItsLine) {
  Launch();
  const std::shared_ptr<Connection> connection = *OpenConnection(Options());
  const std::shared_ptr<Link> link = connection->link();
  for (const std::string subject : {"", "a b", "a\tb", "a\r\nPUB b 0\r\n", "a\n", "a\x7f"}) {
    EXPECT_THAT(link->Publish({.subject = subject, .body = "x"}), StatusIs(absl::StatusCode::kInvalidArgument));
    if (subject.empty()) continue;
    EXPECT_THAT(link->Publish({.subject = "a", .body = "x", .reply = subject}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(link->Publish({.subject = "\xc3\xa4.b", .body = "x"}), IsOk());
  EXPECT_TRUE(link->Ping(Link::Clock::now() + seconds(5)));
}

/// Greets like a server, then says something else.
class Impostor {
 public:
  explicit Impostor(std::string says) : says_(std::move(says)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(listener_, 10), 0);
    EXPECT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~Impostor() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;

  std::string url() const { return absl::StrCat("nats://127.0.0.1:", port_); }

 private:
  static void Send(int client, const std::string& text) { send(client, text.data(), text.size(), MSG_NOSIGNAL); }

  void Run() {
    for (int client = 0; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) Serve(client);
  }
  void Serve(int client) {
    Send(client, R"(INFO {"server_id":"x","version":"2.9.10","max_payload":1048576,"headers":true})"
                 "\r\n");
    std::string heard;
    std::array<char, 4096> bytes;
    ssize_t count = 0;
    bool said = false;
    while ((count = recv(client, bytes.data(), bytes.size(), 0)) > 0) {
      heard.append(bytes.data(), static_cast<std::size_t>(count));
      if (!std::exchange(said, said || heard.find("PING\r\n") != std::string::npos) && said) {
        Send(client, "PONG\r\n" + says_);
      }
    }
  }

  const std::string says_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

TEST(JetStreamWireToAnImpostorTest, GivesTheConnectionUp) {
  for (const std::string says :
       {"MSG orders x 5\r\nhello\r\n", "HMSG orders 1 9 5\r\nhello\r\n", "\x16\x03\x01 what\r\n"}) {
    Impostor impostor(says);
    const auto connection = OpenConnection({.url = impostor.url(), .client_id = "contract"});
    ASSERT_THAT(connection, IsOk());
    EXPECT_TRUE(Eventually([&] { return (*connection)->reconnects() > 0; }, seconds(30), milliseconds(5))) << says;
    (*connection)->Close(milliseconds(0));
  }
}

}  // namespace
}  // namespace penstock::eventbus::contract
