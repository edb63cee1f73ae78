// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delay_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bus/delay/delayed_message.h"
#include "bus/delay/delayed_messages.h"
#include "bus/publish/envelope_publisher.h"
#include "hooked_transport.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

class DelayRelayTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.log = [this](LogLevel, std::string_view line) {
      const MutexLock lock(mutex_);
      log_.emplace_back(line);
    };
    ASSERT_TRUE(streams_.EnsureDelayed(StreamAccess::kPublish).ok());
  }

  void Delay(const std::string& topic, const std::string& id, milliseconds delay) {
    Store(MakeDelayed({.subject = topic, .body = id, .message_id = id}, system_clock::now() + delay, "EVENTS-delayed"));
  }
  void Store(OutboundMessage message) {
    std::promise<absl::Status> stored;
    ASSERT_TRUE(
        transport_
            ->Publish(std::move(message), [&](const absl::StatusOr<PubAck>& ack) { stored.set_value(ack.status()); })
            .ok());
    ASSERT_TRUE(stored.get_future().get().ok());
  }
  template <typename Condition>
  bool Eventually(Condition condition) const {
    const auto deadline = DeadlineAfter(kPatience);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::vector<std::string> Bodies(const std::string& topic) const {
    std::vector<std::string> bodies;
    std::uint64_t next = 1;
    while (true) {
      const auto message = transport_->ReadMessage(StreamName("EVENTS", topic), topic, next);
      if (!message.ok()) return bodies;
      bodies.emplace_back((*message)->payload());
      next = (*message)->stream_sequence() + 1;
    }
  }
  /// But for marks.
  std::uint64_t Waiting() const {
    std::uint64_t count = 0;
    const HeaderReader reader{.begin = [](std::uint64_t) {},
                              .message =
                                  [&](const StoredMessage& message) {
                                    if (message.subject() != MarkSubject("EVENTS-delayed")) ++count;
                                    return true;
                                  }};
    EXPECT_TRUE(transport_->inner().ReadHeaders("EVENTS-delayed", "EVENTS-delayed.>", 1, reader).ok());
    return count;
  }
  std::uint64_t SequenceOf(const std::string& topic, const std::string& id) const {
    const auto message = transport_->ReadMessage("EVENTS-delayed", DelayedSubject("EVENTS-delayed", topic, id), 1);
    return message.ok() ? (*message)->stream_sequence() : 0;
  }
  bool Logged(const std::string& text) const {
    const MutexLock lock(mutex_);
    for (const std::string& line : log_) {
      if (line.find(text) != line.npos) return true;
    }
    return false;
  }

  mutable Mutex mutex_;
  std::vector<std::string> log_;
  BusOptions options_{.url = "memory://", .client_id = "test"};
  std::unique_ptr<HookedTransport> transport_ = std::make_unique<HookedTransport>(options_);
  TopicStreams streams_{options_, *transport_};
};

TEST_F(DelayRelayTest, PublishesWhatIsDueAndRemovesIt) {
  Delay("orders", "1", milliseconds(-5));
  Delay("orders", "3", std::chrono::hours(1));
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  Delay("orders", "2", milliseconds(20));
  EXPECT_TRUE(Eventually([&] { return Waiting() == 1; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1", "2"));
  EXPECT_TRUE(Eventually([&] { return relay.Stats().waiting == 1; }));
  EXPECT_EQ(relay.Stats().relayed, 2u);
  relay.Stop(DeadlineAfter(kPatience));
}

TEST_F(DelayRelayTest, ReadsShortlyBeforeWhatItHasNoRoomFor) {
  DelayRelay relay(options_, *transport_, streams_, /*most_bytes=*/0);
  relay.Start();
  ASSERT_TRUE(Eventually([&] { return relay.Stats().owner; }));
  for (const char* id : {"1", "2", "3"}) Delay("orders", id, milliseconds(50));
  Delay("orders", "replaced", milliseconds(20));
  Delay("orders", "replaced", std::chrono::hours(1));
  EXPECT_TRUE(Eventually([&] { return Waiting() == 1; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1", "2", "3"));
  relay.Stop(DeadlineAfter(kPatience));
}

TEST_F(DelayRelayTest, ForgetsWhatWasRemovedBehindItsBack) {
  Delay("orders", "1", milliseconds(300));
  Delay("orders", "2", milliseconds(300));
  ASSERT_TRUE(transport_->DeleteMessage("EVENTS-delayed", 1).ok());
  DelayRelay relay(options_, *transport_, streams_, /*most_bytes=*/0);
  relay.Start();
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("2"));
}

TEST_F(DelayRelayTest, LeavesAloneWhatNoBusDelayed) {
  Store({.subject = "EVENTS-delayed.orders.x", .body = "foreign", .message_id = "foreign"});
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  Delay("orders", "1", milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return Waiting() == 1; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1"));
  EXPECT_TRUE(Eventually([&] { return Logged("was not delayed by a bus"); }));
}

// The topic's stream takes nothing: its message waits, in its stream, and others go on.
TEST_F(DelayRelayTest, TriesAgainWhatCannotBePublishedNow) {
  StreamSpec full = streams_.SpecFor("full", Storage::kFile);
  full.max_message_bytes = 1;
  full.forgotten_when_unused = false;
  ASSERT_TRUE(transport_->EnsureStream(full).ok());
  Delay("full", "too-large", milliseconds(1));
  Delay("orders", "1", milliseconds(2));
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  EXPECT_TRUE(Eventually([&] { return Waiting() == 1; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1"));
  EXPECT_TRUE(Eventually([&] { return relay.Stats().failed >= 1; }));
  EXPECT_TRUE(Eventually([&] { return Logged("delayed messages: publish: "); }));
  EXPECT_EQ(relay.Stats().relayed, 1u);
}

TEST_F(DelayRelayTest, StopsAndIsFollowedByASuccessor) {
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  ASSERT_TRUE(Eventually([&] { return relay.Stats().owner; }));
  relay.Stop({});
  relay.Stop({});
  Delay("orders", "1", milliseconds(1));
  EXPECT_EQ(Waiting(), 1u) << "nobody relays";
  DelayRelay successor(options_, *transport_, streams_);
  successor.Start();
  successor.Start();
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
}

// As on a cluster, where the owner before this one had been told of both.
TEST_F(DelayRelayTest, DoesNotBeginWithWhatAReplicaTellsThatLagsBehind) {
  const auto due = system_clock::now() + milliseconds(1500);
  const auto delay = [&](const char* id, system_clock::time_point at) {
    OutboundMessage message{.subject = "orders", .body = id, .message_id = id};
    message.headers.emplace_back(std::string(header::kAggregateId), "A");
    Store(MakeDelayed(std::move(message), at, "EVENTS-delayed"));
  };
  {
    DelayRelay relay(options_, *transport_, streams_);
    relay.Start();
    delay("second", due + milliseconds(1));
    delay("first", due);
    ASSERT_TRUE(Eventually([&] { return relay.Stats().waiting == 2; }));
    relay.Stop(DeadlineAfter(kPatience));
  }
  const std::uint64_t second = SequenceOf("orders", "second");
  std::atomic<int> readings = 0;
  transport_->replica_has = [&] { return readings++ < 2 ? second : UINT64_MAX; };
  ASSERT_TRUE(Eventually([&] { return system_clock::now() > due + milliseconds(1); }));
  DelayRelay successor(options_, *transport_, streams_);
  successor.Start();
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("first", "second"));
}

// The stream is full, say: what waits goes on.
TEST_F(DelayRelayTest, RelaysAlsoWhereItCannotMarkItsBeginning) {
  Delay("orders", "1", milliseconds(1));
  transport_->refused_subject = MarkSubject("EVENTS-delayed");
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1"));
  EXPECT_TRUE(Logged("delayed messages: mark the beginning"));
}

// As a cancellation would, that was stored while the relay did something else.
TEST_F(DelayRelayTest, HeedsWhatCameDuringALongStepBeforeTheNextOne) {
  std::atomic<system_clock::time_point> due{};
  transport_->before_ensure = [&, blocked = false](const std::string& stream) mutable {
    if (stream != "EVENTS_slow" || std::exchange(blocked, true)) return;
    const std::uint64_t sequence = SequenceOf("orders", "cancelled");
    Store(MakeCalledOff(DelayedSubject("EVENTS-delayed", "orders", "cancelled"), sequence));
    EXPECT_TRUE(Eventually([&] { return system_clock::now() > due.load(); }));
  };
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  ASSERT_TRUE(Eventually([&] { return relay.Stats().owner; }));
  due = system_clock::now() + milliseconds(400);
  Store(MakeDelayed({.subject = "orders", .message_id = "cancelled"}, due, "EVENTS-delayed"));
  ASSERT_TRUE(Eventually([&] { return relay.Stats().waiting == 1; }));
  Delay("slow", "1", milliseconds(1));
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
  EXPECT_THAT(Bodies("slow"), ElementsAre("1"));
  EXPECT_THAT(Bodies("orders"), ElementsAre());
}

// One that ends when its stream was made anew must not be taken for that of the next stream's message of its sequence.
TEST_F(DelayRelayTest, ARemovalTellsOfWhichStreamItsMessageWas) {
  std::promise<void> removing, may_remove;
  transport_->before_delete = [&](std::uint64_t) {
    removing.set_value();
    may_remove.get_future().wait();
  };
  std::promise<std::pair<std::uint64_t, std::uint64_t>> told;
  DelayedRemovals removals(
      *transport_, "EVENTS-delayed",
      [&](std::uint64_t sequence, std::uint64_t epoch) {
        told.set_value({sequence, epoch});
      },
      [](const absl::Status& why) { ADD_FAILURE() << why; });
  Delay("orders", "old", std::chrono::hours(1));
  removals.Remove(1, 7, "");
  removing.get_future().wait();
  removals.Forget();
  may_remove.set_value();
  EXPECT_EQ(told.get_future().get(), std::pair(std::uint64_t{1}, std::uint64_t{7}));
}

TEST_F(DelayRelayTest, TellsHowLongWhatFailsHasBeenDue) {
  StreamSpec full = streams_.SpecFor("full", Storage::kFile);
  full.max_message_bytes = 1;
  full.forgotten_when_unused = false;
  ASSERT_TRUE(transport_->EnsureStream(full).ok());
  Delay("full", "too-large", std::chrono::minutes(-5));
  DelayRelay relay(options_, *transport_, streams_);
  relay.Start();
  ASSERT_TRUE(Eventually([&] { return relay.Stats().failed >= 1; }));
  EXPECT_TRUE(Eventually([&] { return relay.Stats().overdue >= std::chrono::minutes(5); }));
  EXPECT_EQ(relay.Stats().waiting, 1u);
}

TEST_F(DelayRelayTest, LogsWhatItMayNotReadAndReadsItLater) {
  transport_->may_read = false;
  Delay("orders", "1", milliseconds(1));
  DelayRelay relay(options_, *transport_, streams_, /*most_bytes=*/0);
  relay.Start();
  EXPECT_TRUE(Eventually([&] { return Logged("read what is due: MSG.GET"); }));
  transport_->may_read = true;
  EXPECT_TRUE(Eventually([&] { return Waiting() == 0; }));
  EXPECT_THAT(Bodies("orders"), ElementsAre("1"));
}

TEST_F(DelayRelayTest, ACancellationThatTookTooLongDoesNotSayThatNothingIsPublished) {
  const EnvelopePublisher publisher(options_, *transport_, streams_);
  DelayedMessages delayed(options_, *transport_, streams_, publisher);
  const auto due = system_clock::now() + std::chrono::seconds(2);
  Store(MakeDelayed({.subject = "orders", .message_id = "1"}, due, "EVENTS-delayed"));
  transport_->before_publish = [&](const OutboundMessage&) {
    EXPECT_TRUE(Eventually([&] { return system_clock::now() > due; }));
  };
  const absl::Status called_off = delayed.CallOff("orders", "1");
  EXPECT_TRUE(absl::IsFailedPrecondition(called_off)) << called_off;
  EXPECT_THAT(std::string(called_off.message()), HasSubstr("may have been published"));
}

}  // namespace
}  // namespace penstock::eventbus
