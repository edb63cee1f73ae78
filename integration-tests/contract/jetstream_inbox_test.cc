// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "contract/jetstream_fixture.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/inbox.h"

namespace penstock::eventbus::contract {
namespace {

using jetstream::Connection;
using jetstream::Inbox;
using jetstream::Link;
using jetstream::MessageHandle;

using Case = std::pair<Inbox::Use, bool>;  // and whether the connection is encrypted

class JetStreamInboxTest : public JetStreamFixture, public ::testing::WithParamInterface<Case> {
 protected:
  std::shared_ptr<Connection> Open() { return *OpenConnection(Options()); }
};

/// Publishes to a subject without a pause, from a connection of its own.
class Flood {
 public:
  Flood(std::shared_ptr<Link> link, std::string subject)
      : link_(std::move(link)), thread_([this, subject = std::move(subject)] { Run(subject); }) {}
  ~Flood() {
    stop_.store(true);
    thread_.join();
  }

 private:
  void Run(const std::string& subject) {
    const std::string body(100, 'x');
    while (!stop_.load()) {
      EXPECT_THAT(link_->Publish({subject, body}), IsOk());
      link_->loop().WriteSoon();
      link_->loop().AwaitWritable(Link::Clock::now() + seconds(1));
    }
  }

  const std::shared_ptr<Link> link_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Server 2.10.27 encrypts 512 bytes at a time: there the flood outruns the connection, and what a new inbox gets comes
// behind it.
TEST_P(JetStreamInboxTest, MayEndWhileItsMessagesArrive) {
  const auto [use, encrypted] = GetParam();
  encrypted ? LaunchEncrypted() : Launch();
  const std::shared_ptr<Connection> publishing = Open();
  const std::shared_ptr<Connection> receiving = Open();
  const Flood flood(publishing->link(), "flood");
  const auto enough = std::chrono::steady_clock::now() + seconds(20);
  for (int round = 0; round < 500 && std::chrono::steady_clock::now() < enough; ++round) {
    std::atomic<int> arrived = 0;
    auto inbox = Inbox::Open(receiving->link(), "flood", use, [&](MessageHandle, bool) { arrived.fetch_add(1); });
    ASSERT_THAT(inbox, IsOk());
    (*inbox)->Release();
    receiving->link()->loop().WriteSoon();
    ASSERT_TRUE(Eventually([&] { return arrived.load() > 0; }, seconds(30), milliseconds(1)));
    (*inbox)->Close();
  }
}

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  const std::string use = info.param.first == Inbox::Use::kDeliveries ? "Deliveries" : "Answers";
  return use + (info.param.second ? "Encrypted" : "");
}

INSTANTIATE_TEST_SUITE_P(Uses, JetStreamInboxTest,
                         ::testing::Values(Case{Inbox::Use::kDeliveries, false}, Case{Inbox::Use::kAnswers, false},
                                           Case{Inbox::Use::kDeliveries, true}, Case{Inbox::Use::kAnswers, true}),
                         NameOf);

}  // namespace
}  // namespace penstock::eventbus::contract
