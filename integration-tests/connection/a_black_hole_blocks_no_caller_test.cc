// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "connection/relayed_server.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kBody = 30'000;
// Within the first record of a frame that is larger, and within the frame.
constexpr std::size_t kInsideARecord = 1000;
constexpr milliseconds kPublishTimeout(2000);

/// Where nothing passes any more.
enum class Place {
  kInsideWhatTheServerSays,  ///< in the middle of a record, or of a frame, while 30 kB messages are delivered
  kInsideWhatWeSay,          ///< while 30 kB messages are published: the send buffer fills
};

struct Hole {
  std::string name{};
  Wire wire = Wire::kPlain;
  Place place = Place::kInsideWhatTheServerSays;

  friend void PrintTo(const Hole& hole, std::ostream* out) { *out << hole.name; }
};

/// Publishes 30 kB messages, as fast as it is let, until it ends, or for 150 MB.
class Load {
 public:
  explicit Load(EventBus& bus) : thread_([this, &bus] { Run(bus); }) {}
  ~Load() { End(); }
  void End() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run(EventBus& bus) {
    for (int i = 0; i < 5000 && !stopping_; ++i) {
      const absl::Status sent =
          bus.PublishEnvelopeAsync("orders", Event(std::string(kBody, 'x')), [](const absl::StatusOr<PubAck>&) {});
      if (!sent.ok()) return;
    }
  }
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

class ABlackHole : public RelayedServer, public ::testing::WithParamInterface<Hole> {
 protected:
  std::unique_ptr<EventBus> ConnectThrough(const ProtocolRelay& relay) const {
    BusOptions options = Options(relay.url());
    options.publish_timeout = kPublishTimeout;
    options.publish_window = 256;
    return Connect(std::move(options));
  }
  /// Gives the bus 30 kB messages to receive, from another connection.
  std::unique_ptr<EventBus> Deliver(EventBus& bus) {
    EXPECT_THAT(bus.SubscribeEnvelope("orders",
                                      [this](const Envelope&, const Delivery&) {
                                        ++handled_;
                                        return Ack();
                                      }),
                IsOk());
    BusOptions options = Options(server_->url());
    options.publish_window = 64;
    return Connect(std::move(options));
  }
  /// Waits until bytes pass, then lets no more pass than a part of a record.
  void FallIn(ProtocolRelay& relay) {
    const bool of_server = GetParam().place == Place::kInsideWhatTheServerSays;
    const std::size_t before = relay.bytes_to_clients();
    EXPECT_TRUE(Eventually([&] { return relay.bytes_to_clients() > before + kBody; }, kPatience));
    relay.FreezeAfter(of_server ? Direction::kToClient : Direction::kToServer, kInsideARecord);
  }

  std::atomic<std::uint64_t> handled_ = 0;
};

// Everything at once: a caller that asks, one that publishes and one that waits to be connected again.
TEST_P(ABlackHole, BlocksNoCallerAndIsLeftInTime) {
  RunIsolated(seconds(60), [&] {
    const auto relay = Relay(GetParam().wire);
    auto bus = ConnectThrough(*relay);
    ASSERT_NE(bus, nullptr);
    const auto other = Deliver(*bus);
    Load load(GetParam().place == Place::kInsideWhatWeSay ? *bus : *other);
    FallIn(*relay);
    const auto fallen = std::chrono::steady_clock::now();
    std::thread publisher([&] {
      const auto ack = bus->PublishEnvelope("orders", Event("small"));
      EXPECT_LE(std::chrono::steady_clock::now() - fallen, kPublishTimeout + milliseconds(500)) << ack.status();
    });
    auto asked_in_time = [&] {
      const bool connected = Within(milliseconds(100), "connected()", [&] { return bus->connected(); });
      const BusStats stats = Within(milliseconds(100), "Stats()", [&] { return bus->Stats(); });
      return connected && stats.connection.reconnects > 0;
    };
    EXPECT_TRUE(Eventually(asked_in_time, kRecovery)) << "not connected again";
    NoteCall("the end of a publish");
    publisher.join();
    load.End();
    EXPECT_THAT(Within(kPublishTimeout + milliseconds(500), "PublishEnvelope",
                       [&] { return bus->PublishEnvelope("orders", Event("after")); }),
                IsOk());
    Within(seconds(1), "the destructor", [&] { bus.reset(); });
  });
}

TEST_P(ABlackHole, KeepsNobodyFromEnding) {
  RunIsolated(seconds(60), [&] {
    const auto relay = Relay(GetParam().wire);
    auto bus = ConnectThrough(*relay);
    ASSERT_NE(bus, nullptr);
    const auto other = Deliver(*bus);
    Load load(GetParam().place == Place::kInsideWhatWeSay ? *bus : *other);
    FallIn(*relay);
    Within(milliseconds(1500), "Drain(1 s)", [&] { return bus->Drain(seconds(1)); });
    load.End();
    Within(seconds(1), "the destructor", [&] { bus.reset(); });
  });
}

TEST_P(ABlackHole, KeepsNobodyFromClosing) {
  RunIsolated(seconds(60), [&] {
    const auto relay = Relay(GetParam().wire);
    auto bus = ConnectThrough(*relay);
    ASSERT_NE(bus, nullptr);
    const auto other = Deliver(*bus);
    Load load(GetParam().place == Place::kInsideWhatWeSay ? *bus : *other);
    FallIn(*relay);
    Within(seconds(1), "Close", [&] { bus->Close(); });
    load.End();
    Within(seconds(1), "the destructor", [&] { bus.reset(); });
  });
}

INSTANTIATE_TEST_SUITE_P(Is, ABlackHole,
                         ::testing::Values(Hole{"InARecordTls", Wire::kTls, Place::kInsideWhatTheServerSays},
                                           Hole{"InAFramePlain", Wire::kPlain, Place::kInsideWhatTheServerSays},
                                           Hole{"SendingTls", Wire::kTls, Place::kInsideWhatWeSay},
                                           Hole{"SendingPlain", Wire::kPlain, Place::kInsideWhatWeSay}),
                         [](const auto& hole) { return hole.param.name; });

}  // namespace
}  // namespace penstock::testing
