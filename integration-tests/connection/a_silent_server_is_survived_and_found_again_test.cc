// SPDX-License-Identifier: Apache-2.0
#include "connection/memory.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMostKib = 1024;

struct Silence {
  std::string name{};
  Wire wire = Wire::kPlain;
  Step step = Step::kAccepted;

  friend void PrintTo(const Silence& silence, std::ostream* out) { *out << silence.name; }
};

class ASilentServer : public RelayedServer, public ::testing::WithParamInterface<Silence> {
 protected:
  /// Cuts everybody off; who comes again meets silence. Waits until `attempts` have.
  static bool FallSilent(ProtocolRelay& relay, std::size_t attempts) {
    relay.GoSilentAt(GetParam().step);
    const std::size_t before = relay.accepted();
    relay.Cut();
    return Eventually([&] { return relay.accepted() >= before + attempts; }, kPatience / 2);
  }
};

TEST_P(ASilentServer, IsFoundAgainOnceItSpeaks) {
  RunIsolated(kPatience, [&] {
    const auto relay = Relay(GetParam().wire);
    const auto bus = Connect(*relay);
    ASSERT_NE(bus, nullptr);
    ASSERT_THAT(bus->PublishEnvelope("orders", Event("before")), IsOk());
    NoteCall("the wait for a second attempt to connect");
    ASSERT_TRUE(FallSilent(*relay, 2)) << "nobody tries a second time";
    const std::uint64_t reconnects = bus->Stats().connection.reconnects;
    relay->GoSilentAt(Step::kNever);
    EXPECT_TRUE(AwaitReconnect(*bus, reconnects, kRecovery));
    EXPECT_THAT(Within(kRecovery, "PublishEnvelope", [&] { return bus->PublishEnvelope("orders", Event("after")); }),
                IsOk());
  });
}

TEST_P(ASilentServer, KeepsNobodyFromEnding) {
  RunIsolated(kPatience, [&] {
    const auto relay = Relay(GetParam().wire);
    auto drained = Connect(*relay);
    auto closed = Connect(*relay);
    auto destroyed = Connect(*relay);
    NoteCall("the wait for three attempts to connect");
    ASSERT_TRUE(FallSilent(*relay, 3));
    Within(seconds(2), "Drain(1 s)", [&] { return drained->Drain(seconds(1)); });
    Within(seconds(1), "Close", [&] { closed->Close(); });
    Within(seconds(1), "the destructor", [&] { destroyed.reset(); });
    Within(seconds(1), "the destructor after Drain", [&] { drained.reset(); });
    Within(seconds(1), "the destructor after Close", [&] { closed.reset(); });
  });
}

TEST_P(ASilentServer, CostsNoMemoryWhileItLasts) {
  if (!kMemoryIsOurs) GTEST_SKIP() << "a sanitizer's memory is not ours";
  RunIsolated(kPatience, [&] {
    const auto relay = Relay(GetParam().wire);
    const auto bus = Connect(*relay);
    ASSERT_TRUE(FallSilent(*relay, 1));
    // The first seconds allocate everything that an attempt needs.
    EXPECT_TRUE(Eventually([&, until = std::chrono::steady_clock::now() +
                                       seconds(2)] { return std::chrono::steady_clock::now() >= until; },
                           kPatience));
    const std::size_t before = StatusField("RssAnon");
    const auto until = std::chrono::steady_clock::now() + seconds(5);
    EXPECT_TRUE(Eventually([&] { return std::chrono::steady_clock::now() >= until; }, kPatience));
    EXPECT_LE(StatusField("RssAnon"), before + kMostKib);
  });
}

INSTANTIATE_TEST_SUITE_P(At, ASilentServer,
                         ::testing::Values(Silence{"AcceptPlain", Wire::kPlain, Step::kAccepted},
                                           Silence{"AcceptTls", Wire::kTls, Step::kAccepted},
                                           Silence{"InfoPlain", Wire::kPlain, Step::kGreeted},
                                           Silence{"InfoTls", Wire::kTls, Step::kGreeted},
                                           Silence{"HandshakeTls", Wire::kTls, Step::kInHandshake},
                                           Silence{"ConnectTls", Wire::kTls, Step::kEncrypted},
                                           Silence{"PongPlain", Wire::kPlain, Step::kConnected},
                                           Silence{"PongTls", Wire::kTls, Step::kConnected}),
                         [](const auto& silence) { return silence.param.name; });

}  // namespace
}  // namespace penstock::testing
