// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/nats_server.h"
#include "support/raw_nats.h"
#include "support/status_matchers.h"

namespace penstock::testing {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr seconds kPatience{30};

/// Servers, and everything that a bus asks of a JetStream.
class AccountTrial : public ::testing::Test {
 protected:
  static std::unique_ptr<NatsServer> Launch(NatsServerOptions options) {
    auto server = NatsServer::Launch(std::move(options));
    EXPECT_THAT(server, IsOk());
    return server.ok() ? *std::move(server) : nullptr;
  }

  BusOptions Options(const std::string& url) {
    BusOptions options{.url = url, .client_id = "trial"};
    options.pool.workers = 2;
    options.log = [this](LogLevel level, std::string_view line) {
      std::lock_guard<std::mutex> lock(mutex_);
      log_ += std::string(line) + "\n";
      warnings_ += level == LogLevel::kWarning ? std::string(line) + "\n" : "";
    };
    return options;
  }

  static std::unique_ptr<EventBus> Connect(BusOptions options) {
    auto bus = EventBus::Connect(std::move(options));
    EXPECT_THAT(bus, IsOk());
    return bus.ok() ? *std::move(bus) : nullptr;
  }

  static absl::StatusOr<PubAck> Publish(EventBus& bus, const std::string& topic, const std::string& payload) {
    return bus.PublishEnvelope(topic, {.aggregate_id = "a", .event_type = "Tested", .payload = payload});
  }

  /// Streams, an exclusive and a shared durable, a plain subscription, dead letters (stored, listed, redriven, removed)
  /// and a bucket (written, read, watched).
  static void UseEverything(EventBus& bus) {
    UseEnvelopes(bus, Sharing::kExclusive, "exclusive");
    UseEnvelopes(bus, Sharing::kShared, "shared");
    UsePlainMessages(bus);
    UseABucket(bus);
  }

  static void UseEnvelopes(EventBus& bus, Sharing sharing, const std::string& durable) {
    std::atomic<int> handled{0};
    std::atomic<bool> rejecting{true};
    const auto subscribed = bus.SubscribeEnvelope("orders", {.durable = durable, .sharing = sharing},
                                                  [&](const Envelope& envelope, const Delivery&) -> Outcome {
                                                    if (envelope.payload == "poison " + durable && rejecting)
                                                      return Reject("not now");
                                                    if (envelope.payload.ends_with(durable)) ++handled;
                                                    return Ack();
                                                  });
    ASSERT_THAT(subscribed, IsOk());
    ASSERT_THAT(Publish(bus, "orders", "good " + durable), IsOk());
    ASSERT_THAT(Publish(bus, "orders", "poison " + durable), IsOk());
    EXPECT_TRUE(Eventually([&] { return handled == 1; }, kPatience));
    const auto letters = [&] {
      const auto listed = bus.dead_letters().List({.consumer = durable});
      return listed.ok() ? static_cast<int>(listed->letters.size()) : -1;
    };
    EXPECT_TRUE(Eventually([&] { return letters() == 1; }, kPatience));
    rejecting = false;
    const auto redriven = bus.dead_letters().Redrive({.consumer = durable});
    ASSERT_THAT(redriven, IsOk());
    EXPECT_EQ(redriven->sent, 1U) << redriven->first_error;
    EXPECT_TRUE(Eventually([&] { return handled == 2; }, kPatience));
    EXPECT_TRUE(Eventually([&] { return letters() == 0; }, kPatience)) << "the letter is removed";
    EXPECT_THAT(bus.Unsubscribe(*subscribed), IsOk());
  }

  static void UsePlainMessages(EventBus& bus) {
    std::atomic<int> handled{0};
    const auto subscribed = bus.Subscribe("notes", [&](const Delivery&) {
      ++handled;
      return absl::OkStatus();
    });
    ASSERT_THAT(subscribed, IsOk());
    ASSERT_THAT(bus.Publish("notes", "hello"), IsOk());
    EXPECT_TRUE(Eventually([&] { return handled == 1; }, kPatience));
    EXPECT_THAT(bus.Unsubscribe(*subscribed), IsOk());
  }

  static void UseABucket(EventBus& bus) {
    const auto bucket = bus.Bucket("settings");
    ASSERT_THAT(bucket, IsOk());
    const auto revision = (*bucket)->Put("colour", "red");
    ASSERT_THAT(revision, IsOk());
    ASSERT_THAT((*bucket)->Update("colour", "blue", *revision), IsOk());
    const auto entry = (*bucket)->Get("colour");
    ASSERT_THAT(entry, IsOk());
    EXPECT_EQ(entry->value, "blue");
    std::atomic<int> seen{0};
    const auto watch = (*bucket)->Watch(">", {.on_entry = [&](const BucketEntry&) { ++seen; }});
    ASSERT_THAT(watch, IsOk());
    ASSERT_THAT((*bucket)->Create("shape", "round"), IsOk());
    EXPECT_TRUE(Eventually([&] { return seen == 2; }, kPatience));
    EXPECT_THAT((*bucket)->Delete("shape"), IsOk());
  }

  std::string log() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return log_;
  }
  std::string warnings() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return warnings_;
  }

 private:
  mutable std::mutex mutex_;
  std::string log_{};
  std::string warnings_{};
};

/// How often `word` stands in `text`.
inline int CountOf(std::string_view word, std::string_view text) {
  int count = 0;
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace penstock::testing
