// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

/// In namespaces of its own, this process asks a name server that takes every question and answers none. False where
/// that is not allowed.
bool LiveWithASilentResolver(const std::filesystem::path& configuration) {
  if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) return false;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);  // as long as the process
  ifreq loopback{.ifr_ifrn = {.ifrn_name = "lo"}, .ifr_ifru = {}};
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(udp, SIOCSIFFLAGS, &loopback) != 0) return false;
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  if (bind(udp, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return false;
  std::ofstream(configuration) << "nameserver 127.0.0.1\n";
  return mount(configuration.c_str(), "/etc/resolv.conf", nullptr, MS_BIND, nullptr) == 0;
}

class ASilentResolver : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "penstock-resolver-XXXXXX").string();
    const int file = mkstemp(name.data());
    ASSERT_GE(file, 0);
    close(file);
    configuration_ = name;
  }
  void TearDown() override { std::filesystem::remove(configuration_); }

  std::filesystem::path configuration_{};
};

TEST_F(ASilentResolver, HoldsNoConnectUp) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can have a resolver of its own";
  RunIsolated(seconds(30), [&] {
    if (!LiveWithASilentResolver(configuration_)) {
      std::cerr << "not tried: this container allows no namespaces\n";
      return;
    }
    BusOptions options{.url = "nats://nats.example:4222"};
    options.client_id = "resolving";
    options.connect_timeout = milliseconds(1000);
    for (int i = 0; i < 2; ++i) {  // the second lets go of what the first has left behind, once that is answered
      const auto bus = Within(seconds(2), "Connect", [&] { return EventBus::Connect(options); });
      EXPECT_THAT(bus.status(), StatusIs(absl::StatusCode::kUnavailable));
      EXPECT_THAT(std::string(bus.status().message()),
                  ::testing::HasSubstr("resolve \"nats.example\": no answer in time"));
    }
  });
}

}  // namespace
}  // namespace penstock::testing
