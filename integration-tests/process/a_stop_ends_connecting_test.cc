// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <stop_token>
#include <thread>

#include "connection/relayed_server.h"
#include "penstock/penstock.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::minutes kLongestConnect(10);
constexpr seconds kWatchdog(30);
// On a loaded machine.
constexpr seconds kSoon(3);

struct Wait {
  std::string name{};
  Wire wire = Wire::kPlain;
  Step step = Step::kAccepted;

  friend void PrintTo(const Wait& wait, std::ostream* out) { *out << wait.name; }
};

class AStopOf : public RelayedServer {
 protected:
  BusOptions Patient(const std::string& url) const {
    BusOptions options = Options(url);
    options.connect_timeout = kLongestConnect;
    return options;
  }
  static auto SaysStopped() { return StatusIs(absl::StatusCode::kCancelled, HasSubstr("connect to ")); }
};

class AStop : public AStopOf, public ::testing::WithParamInterface<Wait> {};

TEST_P(AStop, EndsConnectingWhereverItWaits) {
  RunIsolated(kWatchdog, [&] {
    const auto relay = Relay(GetParam().wire);
    relay->GoSilentAt(GetParam().step);
    std::stop_source stop;
    std::jthread stopper([&] {
      const bool greets = GetParam().step != Step::kAccepted;
      EXPECT_TRUE(Eventually([&] { return (greets ? relay->bytes_to_clients() : relay->accepted()) > 0; }, kPatience));
      stop.request_stop();
    });
    const auto bus =
        Within(kSoon, "Connect", [&] { return EventBus::Connect(Patient(relay->url()), stop.get_token()); });
    EXPECT_THAT(bus.status(), SaysStopped());
  });
}

INSTANTIATE_TEST_SUITE_P(At, AStop,
                         ::testing::Values(Wait{"AcceptPlain", Wire::kPlain, Step::kAccepted},
                                           Wait{"InfoPlain", Wire::kPlain, Step::kGreeted},
                                           Wait{"ConnectedPlain", Wire::kPlain, Step::kConnected},
                                           Wait{"HandshakeTls", Wire::kTls, Step::kInHandshake},
                                           Wait{"EncryptedTls", Wire::kTls, Step::kEncrypted}),
                         [](const auto& wait) { return wait.param.name; });

TEST_F(AStopOf, AnUnreachableServerEndsConnecting) {
  RunIsolated(kWatchdog, [&] {
    for (const std::string& url : {"nats://127.0.0.1:" + std::to_string(FreePort()), std::string("nats://192.0.2.1")}) {
      std::stop_source stop;
      std::jthread stopper([&] {
        Eventually([] { return false; }, milliseconds(150));  // into the pause between two attempts, or an attempt
        stop.request_stop();
      });
      const auto bus = Within(kSoon, "Connect", [&] { return EventBus::Connect(Patient(url), stop.get_token()); });
      EXPECT_THAT(bus.status(), SaysStopped()) << url;
    }
  });
}

TEST_F(AStopOf, ItsOwnThatCameBeforeEndsConnectingAtOnce) {
  RunIsolated(kWatchdog, [&] {
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THAT(EventBus::Connect(Options(server_->url()), stop.get_token()).status(), SaysStopped());
  });
}

TEST_F(AStopOf, ABusThatIsConnectedChangesNothing) {
  RunIsolated(kWatchdog, [&] {
    std::stop_source stop;
    auto bus = EventBus::Connect(Options(server_->url()), stop.get_token());
    ASSERT_THAT(bus, IsOk());
    stop.request_stop();
    EXPECT_THAT((*bus)->PublishEnvelope("orders", Event("1")), IsOk());
    EXPECT_TRUE((*bus)->connected());
  });
}

TEST_F(AStopOf, AServiceBySignalEndsItsConnecting) {
  for (const int signal : {SIGTERM, SIGINT}) {
    RunIsolated(kWatchdog, [&] {
      const auto relay = Relay(Wire::kPlain);
      relay->GoSilentAt(Step::kAccepted);
      std::jthread operator_of_it([&] {
        EXPECT_TRUE(Eventually([&] { return relay->accepted() > 0; }, kPatience));
        kill(getpid(), signal);
      });
      const auto service = Within(kSoon, "Create", [&] {
        return Service::Create({.bus = Patient(relay->url()), .metrics_port = std::nullopt});
      });
      EXPECT_THAT(service.status(), SaysStopped());
    });
  }
}

}  // namespace
}  // namespace penstock::testing
