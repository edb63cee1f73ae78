// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdio>
#include <future>
#include <set>
#include <sstream>

#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

/// The descriptors of a child that is started now, as links of /proc name them, without those that its own start opens.
std::multiset<std::string> OpenInAChild() {
  std::string text;
  if (FILE* const child = popen("for fd in /proc/self/fd/*; do readlink $fd; done", "r")) {
    std::array<char, 4096> chunk;
    while (const std::size_t count = fread(chunk.data(), 1, chunk.size(), child)) text.append(chunk.data(), count);
    pclose(child);
  }
  std::multiset<std::string> open;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("socket:") || line.starts_with("anon_inode:")) open.insert(line);
  }
  return open;
}

class ChildrenOfAHandler : public RelayedServer, public ::testing::WithParamInterface<Wire> {
 protected:
  void SetUp() override {
    RelayedServer::SetUp();
    if (GetParam() == Wire::kTls) Launch({.config = certificate_->ServerConfig()});
  }
  std::string Url() const {
    return (GetParam() == Wire::kTls ? "tls://127.0.0.1:" : "nats://127.0.0.1:") + std::to_string(server_->port());
  }
};

TEST_P(ChildrenOfAHandler, InheritNoDescriptor) {
  RunIsolated(kPatience, [&] {
    const std::multiset<std::string> before = OpenInAChild();
    const auto bus = Connect(Options(Url()));
    ASSERT_NE(bus, nullptr);
    std::promise<std::multiset<std::string>> inherited;
    ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                       [&](const Envelope&, const Delivery&) {
                                         inherited.set_value(OpenInAChild());
                                         return Ack();
                                       }),
                IsOk());
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("start a child")), IsOk());
    auto seen = inherited.get_future();
    ASSERT_EQ(seen.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(seen.get(), before);
  });
}

INSTANTIATE_TEST_SUITE_P(Over, ChildrenOfAHandler, ::testing::Values(Wire::kPlain, Wire::kTls),
                         [](const auto& wire) { return NameOf(wire.param); });

}  // namespace
}  // namespace penstock::testing
