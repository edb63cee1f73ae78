// SPDX-License-Identifier: Apache-2.0
#include <thread>
#include <utility>
#include <vector>

#include "connection/memory.h"
#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

using ::testing::AnyOf;

constexpr milliseconds kConnectTimeout(1500);
constexpr milliseconds kLimit = kConnectTimeout + seconds(1);
constexpr std::size_t kMostGrowth = std::size_t{80} << 20;
constexpr seconds kWatchdog(15);
// For a loaded machine: a call with a time limit returns so much later at the most.
constexpr milliseconds kSlack(500);

auto SaysUnreachable() {
  return AnyOf(StatusIs(absl::StatusCode::kUnavailable), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

struct Silence {
  std::string name{};
  Wire wire = Wire::kPlain;
  Step step = Step::kAccepted;

  friend void PrintTo(const Silence& silence, std::ostream* out) { *out << silence.name; }
};

class ConnectingInHaste : public RelayedServer {
 protected:
  BusOptions Hasty(const std::string& url) const {
    BusOptions options = Options(url);
    options.connect_timeout = kConnectTimeout;
    return options;
  }
};

class ConnectingToASilentServer : public ConnectingInHaste, public ::testing::WithParamInterface<Silence> {};

TEST_P(ConnectingToASilentServer, EndsInTimeAndAllocatesLittle) {
  RunIsolated(kWatchdog, [&] {
    const auto relay = Relay(GetParam().wire);
    relay->GoSilentAt(GetParam().step);
    MemoryGrowth growth;
    const auto bus = Within(kLimit, "Connect", [&] { return EventBus::Connect(Hasty(relay->url())); });
    EXPECT_THAT(bus.status(), SaysUnreachable());
    EXPECT_GE(relay->accepted(), 1U);
    if (kMemoryIsOurs) {
      EXPECT_LE(growth.Most(), kMostGrowth);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(At, ConnectingToASilentServer,
                         ::testing::Values(Silence{"AcceptPlain", Wire::kPlain, Step::kAccepted},
                                           Silence{"AcceptTls", Wire::kTls, Step::kAccepted},
                                           Silence{"InfoPlain", Wire::kPlain, Step::kGreeted},
                                           Silence{"InfoTls", Wire::kTls, Step::kGreeted},
                                           Silence{"HandshakeTls", Wire::kTls, Step::kInHandshake},
                                           Silence{"ConnectTls", Wire::kTls, Step::kEncrypted}),
                         [](const auto& silence) { return silence.param.name; });

class ConnectingTo : public ConnectingToASilentServer {};

// It has connected by its own word, and answers no request.
TEST_P(ConnectingTo, AServerThatIsSilentOnceConnectedEndsInTime) {
  RunIsolated(kWatchdog, [&] {
    const auto relay = Relay(GetParam().wire);
    relay->GoSilentAt(GetParam().step);
    const auto bus = Within(kLimit, "Connect", [&] { return EventBus::Connect(Hasty(relay->url())); });
    if (!bus.ok()) {
      EXPECT_THAT(bus.status(), SaysUnreachable());
      return;
    }
    Within(seconds(2), "Drain(1 s)", [&] { return (*bus)->Drain(seconds(1)); });
  });
}

TEST_P(ConnectingTo, SeveralSilentServersEndsInTimeForAllOfThem) {
  RunIsolated(kWatchdog, [&] {
    std::vector<std::unique_ptr<ProtocolRelay>> relays;
    std::string urls;
    for (const Step step : {Step::kAccepted, Step::kGreeted, Step::kAccepted, Step::kGreeted, Step::kEncrypted}) {
      relays.push_back(Relay(GetParam().wire));
      relays.back()->GoSilentAt(step);
      urls += (urls.empty() ? "" : ",") + relays.back()->url();
    }
    BusOptions options = Hasty(urls);
    if (GetParam().wire == Wire::kTls) options.tls.ca_file = certificate_->file();
    const auto bus = Within(kLimit, "Connect", [&] { return EventBus::Connect(std::move(options)); });
    EXPECT_THAT(bus.status(), SaysUnreachable());
  });
}

// Connecting uses up half of the time, and the server then answers no request: both share one limit.
TEST_P(ConnectingTo, AServerThatIsSlowAndThenSilentEndsInTime) {
  RunIsolated(kWatchdog, [&] {
    const auto relay = Relay(GetParam().wire);
    relay->GoSilentAt(Step::kAccepted);
    std::jthread speak_next_time([&] {
      EXPECT_TRUE(Eventually([&] { return relay->accepted() > 0; }, kPatience));
      relay->GoSilentAt(GetParam().step);
    });
    BusOptions options = Options(relay->url() + "," + relay->url());
    if (GetParam().wire == Wire::kTls) options.tls.ca_file = certificate_->file();
    options.connect_timeout = seconds(2);
    const auto bus = Within(options.connect_timeout + kSlack, "Connect", [&] { return EventBus::Connect(options); });
    EXPECT_THAT(bus.status(), SaysUnreachable());
    EXPECT_EQ(relay->accepted(), 2U) << "connections, of which the second was greeted";
  });
}

// A silent one must not use up the time of those that speak.
TEST_P(ConnectingTo, ASilentServerAndAGoodOneFindsTheGoodOne) {
  RunIsolated(kWatchdog, [&] {
    const auto silent = Relay(GetParam().wire);
    const auto good = Relay(GetParam().wire);
    silent->GoSilentAt(Step::kAccepted);
    BusOptions options = Hasty(silent->url() + "," + good->url());
    options.connect_timeout = seconds(3);
    const auto bus = Within(seconds(4), "Connect", [&] { return EventBus::Connect(std::move(options)); });
    EXPECT_THAT(bus, IsOk());
  });
}

INSTANTIATE_TEST_SUITE_P(Over, ConnectingTo,
                         ::testing::Values(Silence{"Plain", Wire::kPlain, Step::kConnected},
                                           Silence{"Tls", Wire::kTls, Step::kConnected}),
                         [](const auto& silence) { return silence.param.name; });

// The URL says plaintext, the server wants TLS, and then says nothing.
TEST_F(ConnectingInHaste, ToASilentServerThatRequiresTlsByAPlainUrlEndsInTime) {
  RunIsolated(kWatchdog, [&] {
    const auto relay = Relay(Wire::kTls);
    relay->GoSilentAt(Step::kGreeted);
    const std::string url = "nats://127.0.0.1:" + std::to_string(relay->port());
    const auto bus = Within(kLimit, "Connect", [&] { return EventBus::Connect(Hasty(url)); });
    EXPECT_THAT(bus.status(), AnyOf(SaysUnreachable(), StatusIs(absl::StatusCode::kFailedPrecondition)));
  });
}

}  // namespace
}  // namespace penstock::testing
