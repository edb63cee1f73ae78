// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// The lines of a bus' log, each after its level. Thread-safe.
class Lines {
 public:
  LogSink Sink() {
    return [this](LogLevel level, std::string_view line) {
      constexpr const char* kLevels[] = {"debug ", "info ", "warning ", "error "};
      std::lock_guard<std::mutex> lock(mutex_);
      lines_.push_back(kLevels[static_cast<int>(level)] + std::string(line));
    };
  }
  std::vector<std::string> All() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return lines_;
  }
  std::size_t With(const std::string& text) const {
    const auto lines = All();
    return static_cast<std::size_t>(std::count_if(
        lines.begin(), lines.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; }));
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class TheLog : public EveryTransport {
 protected:
  std::unique_ptr<EventBus> Logged(std::string client_id = "billing") {
    BusOptions options = Options(std::move(client_id));
    options.log = lines_.Sink();
    return Connect(std::move(options));
  }
  Lines lines_;
};
PENSTOCK_ON_EVERY_TRANSPORT(TheLog);

TEST_P(TheLog, TellsOfEachSubscriptionAndOnceWhichDurableIsTheDefault) {
  const auto bus = Logged();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", [](const Envelope&, const Delivery&) { return Ack(); }), IsOk());
  ASSERT_THAT(bus->SubscribeEnvelope("bills", {.durable = "named", .sharing = Sharing::kShared},
                                     [](const Envelope&, const Delivery&) { return Ack(); }),
              IsOk());
  ASSERT_THAT(bus->Subscribe("notices", [](const Delivery&) { return absl::OkStatus(); }), IsOk());
  EXPECT_THAT(lines_.All(),
              Contains("info subscription 1 to \"orders\": subscribed with 2 workers, durable \"billing\", "
                       "the client ID, since the options name none"));
  EXPECT_THAT(lines_.All(),
              Contains("info subscription 2 to \"bills\": subscribed with 2 workers, durable \"named\", shared"));
  EXPECT_THAT(lines_.All(), Contains("info subscription 3 to \"notices\": subscribed with 2 workers"));
}

TEST_P(TheLog, WarnsOfDeadLettersAtALimitedRate) {
  const auto bus = Logged();
  ASSERT_THAT(bus->SubscribeEnvelope("orders", {.outage_after = 0},
                                     [](const Envelope&, const Delivery&) { return Reject("no \"such\" item"); }),
              IsOk());
  Envelope first = Event("k0", "0");
  first.event_id = "e-1";
  ASSERT_THAT(bus->PublishEnvelope("orders", first), IsOk());
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).dead_lettered == 1; }, kPatience));
  EXPECT_THAT(lines_.All(), Contains(AllOf(HasSubstr("warning "), HasSubstr("dead letter: message 1, key \"k0\", ID "),
                                           HasSubstr("\"e-1\", after 1 attempts: \"no \\\"such\\\" item\""))));
  PublishNumbered(*bus, "orders", 10, 10);
  ASSERT_TRUE(Eventually([&] { return OnlySubscription(*bus).dead_lettered == 101; }, kPatience));
  EXPECT_LE(lines_.With("dead letter: "), 4u) << "one in ten seconds";
}

TEST_P(TheLog, WarnsOfAnEventIdThatIsUsedAgain) {
  const auto bus = Logged();
  Envelope event = Event("k0", "0");
  ASSERT_THAT(bus->PublishEnvelope("orders", event), IsOk());
  event.event_id = "e-1";
  for (int i = 0; i < 5; ++i) ASSERT_THAT(bus->PublishEnvelope("orders", event), IsOk());
  EXPECT_EQ(bus->Stats().topics.front().duplicates, 4u);
  EXPECT_THAT(lines_.All(), Contains(AllOf(HasSubstr("warning publish to \"orders\": ID \"e-1\" was used before"),
                                           HasSubstr("is not stored"))));
  EXPECT_LE(lines_.With("was used before"), 2u);
}

class TheLogOfAServer : public TheLog {};
INSTANTIATE_TEST_SUITE_P(On, TheLogOfAServer, ::testing::Values("jetstream"),
                         [](const auto& transport) { return std::string(transport.param); });

TEST_P(TheLogOfAServer, TellsWhichServerItIsConnectedToAndNoSecret) {
  server_->Stop();
  server_->set_config("server_name: n1\nauthorization: { user: u, password: s3cret }");
  ASSERT_THAT(server_->Start(), IsOk());
  BusOptions options = Options();
  options.credentials = {.user = "u", .password = "s3cret"};
  options.log = lines_.Sink();
  const auto bus = Connect(options);
  EXPECT_THAT(lines_.All(), Contains(AllOf(HasSubstr("info connected to nats://127.0.0.1:"),
                                           HasSubstr(": server \"n1\", version \"2."))));
  EXPECT_THAT(lines_.All(), Not(Contains(HasSubstr("s3cret"))));
  server_->Kill();
  ASSERT_TRUE(Eventually([&] { return !bus->connected(); }, kPatience));
  ASSERT_THAT(server_->Start(), IsOk());
  EXPECT_TRUE(Eventually([&] { return lines_.With("info connected again to nats://127.0.0.1:") == 1; }, kPatience));
}

TEST_P(TheLogOfAServer, TellsWhoOwnsADurableAndWhoStandsBy) {
  const auto owner = Logged("owner");
  ASSERT_THAT(owner->SubscribeEnvelope("orders", {.durable = "d"}, [](const auto&, const auto&) { return Ack(); }),
              IsOk());
  EXPECT_EQ(lines_.With("consumer \"d\" of stream \"EVENTS_orders\": owns it"), 1u);
  const auto standby = Logged("second");
  ASSERT_THAT(standby->SubscribeEnvelope("orders", {.durable = "d"}, [](const auto&, const auto&) { return Ack(); }),
              IsOk());
  EXPECT_EQ(lines_.With("consumer \"d\" of stream \"EVENTS_orders\": another process owns it; standing by"), 1u);
}

// Handlers that sleep on two workers.
TEST_P(TheLog, WarnsWhenHandlersWaitAndWorkersAreTheBottleneck) {
  const auto bus = Logged();
  std::atomic<bool> over{false};
  ASSERT_THAT(bus->SubscribeEnvelope("orders",
                                     [&over](const Envelope&, const Delivery&) {
                                       Eventually([&over] { return over.load(); },
                                                  std::chrono::milliseconds{50});  // the handler's work
                                       return Ack();
                                     }),
              IsOk());
  PublishNumbered(*bus, "orders", 100, 10);
  EXPECT_TRUE(Eventually([&] { return lines_.With("warning workers are the bottleneck: ") == 1; }, kPatience));
  over = true;
}

}  // namespace
}  // namespace penstock::testing
