// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "connection/relayed_server.h"
#include "support/cluster.h"

namespace penstock::testing {
namespace {

std::string AddressOf(const ProtocolRelay& relay) { return absl::StrCat("127.0.0.1:", relay.port()); }

/// The server's greeting with further fields, as a line.
std::string InfoWith(const std::string& greeting, const std::string& fields) {
  return absl::StrCat("INFO {", fields, ",", greeting.substr(1), "\r\n");
}

/// The same server behind two relays, which stand for two servers. The URL names the first one.
class ServersLearnt : public RelayedServer, public ::testing::WithParamInterface<Wire> {
 protected:
  std::string Greeting() const { return RawNats::Connect(server_->port())->info(); }
};

TEST_P(ServersLearnt, InTheGreetingAreUsedWhenTheFirstIsGone) {
  RunIsolated(kPatience, [&] {
    const auto first = Relay(GetParam());
    const auto second = Relay(GetParam());
    first->Rewrite([&](const std::string& frame) {
      return absl::StrReplaceAll(frame,
                                 {{"INFO {", absl::StrCat("INFO {\"connect_urls\":[\"", AddressOf(*second), "\"],")}});
    });
    const auto bus = Connect(*first);
    ASSERT_NE(bus, nullptr);
    first->Shut();
    EXPECT_TRUE(AwaitReconnect(*bus, 0, kRecovery));
    EXPECT_GE(second->accepted(), 1U);
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("after")), IsOk());
  });
}

TEST_P(ServersLearnt, AfterConnectingAreUsedWhenTheFirstIsGone) {
  RunIsolated(kPatience, [&] {
    const auto first = Relay(GetParam());
    const auto second = Relay(GetParam());
    const auto bus = Connect(*first);
    ASSERT_NE(bus, nullptr);
    first->Say(InfoWith(Greeting(), absl::StrCat("\"connect_urls\":[\"", AddressOf(*second), "\"]")));
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("the INFO before it was read")), IsOk());
    first->Shut();
    EXPECT_TRUE(AwaitReconnect(*bus, 0, kRecovery));
    EXPECT_GE(second->accepted(), 1U);
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("after")), IsOk());
  });
}

// The first goes on working: the client has to leave by itself.
TEST_P(ServersLearnt, AreMovedToWhenTheFirstSaysThatItIsALameDuck) {
  RunIsolated(kPatience, [&] {
    const auto first = Relay(GetParam());
    const auto second = Relay(GetParam());
    const auto bus = Connect(*first);
    ASSERT_NE(bus, nullptr);
    first->Say(InfoWith(Greeting(), absl::StrCat("\"ldm\":true,\"connect_urls\":[\"", AddressOf(*second), "\"]")));
    EXPECT_TRUE(AwaitReconnect(*bus, 0, kRecovery));
    EXPECT_GE(second->accepted(), 1U);
    EXPECT_TRUE(Eventually([&] { return first->connections() == 0; }, kRecovery)) << "the old connection stays";
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("after")), IsOk());
  });
}

INSTANTIATE_TEST_SUITE_P(Over, ServersLearnt, ::testing::Values(Wire::kPlain, Wire::kTls),
                         [](const auto& wire) { return NameOf(wire.param); });

/// Three real servers, of which the URL names the first.
class AClusterOfThree : public ::testing::Test {
 protected:
  void SetUp() override {
    auto cluster = Cluster::Launch(3);
    ASSERT_THAT(cluster, IsOk());
    cluster_ = *std::move(cluster);
  }
  std::unique_ptr<EventBus> Connect() const {
    BusOptions options{.url = cluster_->server(0).url(), .client_id = "hostile"};
    options.limits.replicas = 3;
    options.pool.workers = 2;
    auto bus = EventBus::Connect(std::move(options));
    EXPECT_THAT(bus, IsOk());
    return bus.ok() ? *std::move(bus) : nullptr;
  }

  std::unique_ptr<Cluster> cluster_{};
};

TEST_F(AClusterOfThree, IsUsedWhenTheServerOfTheUrlIsGone) {
  RunIsolated(seconds(90), [&] {
    const auto bus = Connect();
    ASSERT_NE(bus, nullptr);
    ASSERT_TRUE(Eventually([&] { return bus->PublishEnvelope("orders", Event("before")).ok(); }, seconds(60)));
    kill(cluster_->server(0).pid(), SIGKILL);
    EXPECT_TRUE(AwaitReconnect(*bus, 0, kRecovery));
    EXPECT_THAT(bus->PublishEnvelope("orders", Event("after")), IsOk());
  });
}

TEST_F(AClusterOfThree, IsMovedWithinBeforeALameDuckCutsUs) {
  RunIsolated(seconds(90), [&] {
    const auto bus = Connect();
    ASSERT_NE(bus, nullptr);
    ASSERT_TRUE(Eventually([&] { return bus->PublishEnvelope("orders", Event("before")).ok(); }, seconds(60)));
    std::atomic<bool> stop = false;
    std::atomic<std::uint64_t> sent = 0, acked = 0;
    std::thread load([&] {
      for (; !stop; ++sent) {
        const auto ack = bus->PublishEnvelope("orders", Event("during"));
        EXPECT_THAT(ack, IsOk());
        acked += ack.ok() ? 1 : 0;
      }
    });
    cluster_->server(0).Signal(SIGUSR2);
    EXPECT_TRUE(AwaitReconnect(*bus, 0, Cluster::kLameDuckGrace - seconds(2))) << "not moved before it was cut";
    const std::uint64_t moved = acked;
    EXPECT_TRUE(Eventually([&] { return acked > moved; }, kPatience)) << "no publish since";
    stop = true;
    load.join();
    EXPECT_EQ(acked, sent);
  });
}

}  // namespace
}  // namespace penstock::testing
