// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "penstock/penstock.h"

// Every duration of the public API at the ends of its range, beyond them and at the ends of its type. What is refused
// is refused by name, before anything happens; what is accepted works.
namespace penstock {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kDay = 1'440 * kMinute;
constexpr std::int64_t kYearSeconds = 365 * kDay / 1'000;

/// One duration of an option, in its own unit.
struct Option {
  std::string name{};
  std::int64_t least = 0;
  std::int64_t most = 0;
  bool or_zero = false;
  std::function<absl::Status(std::int64_t count)> use{};  ///< sets it, and has it checked or used

  friend void PrintTo(const Option& option, std::ostream* out) { *out << option.name; }
};

BusOptions Bus() { return {.url = "memory://", .client_id = "durations", .pool = {.workers = 1}}; }

template <typename Unit, typename Field>
Option OfBus(std::string name, std::int64_t least, std::int64_t most, Field field, bool or_zero = false) {
  return {std::move(name), least, most, or_zero, [field](std::int64_t count) {
            BusOptions options = Bus();
            options.limits.duplicate_window = hours(1);
            field(options) = Unit(count);
            return EventBus::Connect(std::move(options)).status();
          }};
}

template <typename Field>
Option OfPool(std::string name, std::int64_t least, std::int64_t most, Field field) {
  return {std::move(name), least, most, false, [field](std::int64_t count) {
            actorpool::ActorPoolOptions options{.workers = 1};
            options.restart.min_backoff = milliseconds(0);
            field(options) = milliseconds(count);
            return actorpool::ActorPool::Create(std::move(options)).status();
          }};
}

template <typename Field>
Option OfSubscription(std::string name, std::int64_t least, std::int64_t most, Field field, bool or_zero = false) {
  return {std::move(name), least, most, or_zero, [field](std::int64_t count) {
            const auto bus = EventBus::Connect(Bus());
            EnvelopeSubscribeOptions options;
            options.retry.min_backoff = milliseconds(0);
            field(options) = milliseconds(count);
            return (*bus)->SubscribeEnvelope("t", options, [](const auto&, const auto&) { return Ack(); }).status();
          }};
}

template <typename Field>
Option OfService(std::string name, std::int64_t least, std::int64_t most, Field field, bool or_zero = false) {
  return {std::move(name), least, most, or_zero, [field](std::int64_t count) {
            ServiceOptions options{.bus = Bus(), .metrics_port = 0, .log_level = LogLevel::kError};
            field(options) = milliseconds(count);
            return Service::Create(std::move(options)).status();
          }};
}

template <typename Call>
Option OfBucket(std::string name, std::int64_t least, std::int64_t most, Call call, bool or_zero = false) {
  return {std::move(name), least, most, or_zero, [call](std::int64_t count) {
            const auto bus = EventBus::Connect(Bus());
            const auto bucket = (*bus)->Bucket("b");
            const absl::Status status = call(**bus, **bucket, count);
            // What an embedded bus does not have is refused after its duration was checked, and a millisecond may pass.
            return absl::IsInvalidArgument(status) ? status : absl::OkStatus();
          }};
}

std::vector<Option> OptionsOfBusAndService() {
  return {
      OfBus<milliseconds>(
          "connect_timeout", 100, 10 * kMinute, [](auto& o) -> auto& { return o.connect_timeout; },
          /*or_zero=*/true),
      OfBus<milliseconds>(
          "publish_timeout", 100, 10 * kMinute, [](auto& o) -> auto& { return o.publish_timeout; }),
      OfBus<seconds>(
          "limits.memory_max_age", 1, kYearSeconds, [](auto& o) -> auto& { return o.limits.memory_max_age; }),
      OfBus<seconds>(
          "limits.file_max_age", 60, 10 * kYearSeconds, [](auto& o) -> auto& { return o.limits.file_max_age; },
          /*or_zero=*/true),
      // The least is twice `publish_timeout`.
      OfBus<seconds>(
          "limits.duplicate_window", 60, kDay / 1'000, [](auto& o) -> auto& { return o.limits.duplicate_window; }),
      OfPool(
          "restart.window", 1, 60 * kMinute, [](auto& o) -> auto& { return o.restart.window; }),
      OfPool(
          "restart.min_backoff", 0, 100, [](auto& o) -> auto& { return o.restart.min_backoff; }),
      OfPool(
          "restart.max_backoff", 0, kMinute, [](auto& o) -> auto& { return o.restart.max_backoff; }),
      OfPool(
          "restart.suspension", 1, 10 * kMinute, [](auto& o) -> auto& { return o.restart.suspension; }),
      OfSubscription(
          "retry.min_backoff", 0, 30'000, [](auto& o) -> auto& { return o.retry.min_backoff; }),
      OfSubscription(
          "retry.max_backoff", 0, kDay, [](auto& o) -> auto& { return o.retry.max_backoff; }),
      OfSubscription(
          "stuck_after", 100, kDay, [](auto& o) -> auto& { return o.stuck_after; }, /*or_zero=*/true),
      OfSubscription(
          "ack_wait", 1'000, kDay, [](auto& o) -> auto& { return o.ack_wait; }, /*or_zero=*/true),
      OfService(
          "drain_timeout", 0, 60 * kMinute, [](auto& o) -> auto& { return o.drain_timeout; }),
      OfService(
          "stall_limit", 1'000, kDay, [](auto& o) -> auto& { return o.stall_limit; }, /*or_zero=*/true),
      {"connection_timeout", 10, kMinute, false,
       [](std::int64_t count) {
         return metrics::HttpEndpoint::Listen({.connection_timeout = milliseconds(count)}).status();
       }},
      {"stream_timeout", 10, kDay, false,
       [](std::int64_t count) {
         return metrics::HttpEndpoint::Listen({.stream_timeout = milliseconds(count)}).status();
       }},
  };
}

std::vector<Option> OptionsOfBuckets() {
  return {
      OfBucket(
          "time_to_live", 100, 3'650 * kDay,
          [](EventBus& bus, Bucket&, std::int64_t count) {
            return bus.Bucket("c", {.time_to_live = milliseconds(count)}).status();
          },
          /*or_zero=*/true),
      OfBucket("key_time_to_live_marker", 0, 10 * kYearSeconds,
               [](EventBus& bus, Bucket&, std::int64_t count) {
                 return bus.Bucket("c", {.key_time_to_live_marker = seconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Put("k", "v", {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus& bus, Bucket&, std::int64_t count) {
                 return bus.Bucket("c", {}, {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Get("k", {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Create("k", "v", {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Update("k", "v", 0, {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Delete("k", {.timeout = milliseconds(count)});
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Purge("k", {.timeout = milliseconds(count)});
               }),
      OfBucket("timeout", 1, 60 * kMinute,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 const BucketWatchEvents events{.on_entry = [](const BucketEntry&) {}};
                 return bucket.Watch(">", events, {.timeout = milliseconds(count)}).status();
               }),
      OfBucket("time_to_live", 0, 10 * kYearSeconds,
               [](EventBus&, Bucket& bucket, std::int64_t count) {
                 return bucket.Put("k", "v", {.time_to_live = seconds(count)}).status();
               }),
  };
}

std::vector<Option> Options() {
  std::vector<Option> options = OptionsOfBusAndService();
  for (Option& option : OptionsOfBuckets()) options.push_back(std::move(option));
  return options;
}

class DurationsTest : public ::testing::TestWithParam<Option> {};

TEST_P(DurationsTest, AreRefusedByNameOrWork) {
  const Option& option = GetParam();
  constexpr std::int64_t kMost = milliseconds::max().count(), kLeast = milliseconds::min().count();
  // The last of these are where a count of nanoseconds in 64 bits ends, and where it has gone round once.
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, option.least - 1, option.least, option.most,
                                   option.most + 1, std::int64_t{-1}, kLeast, kLeast + 1, kMost - 1, kMost,
                                   kMost / 1'000'000 + 1, kMost / 500'000 + 1, kMost / 1'000'000'000 + 1}) {
    const bool fits = (count >= option.least && count <= option.most) || (count == 0 && option.or_zero);
    const absl::Status status = option.use(count);
    if (fits) {
      EXPECT_TRUE(status.ok()) << count << ": " << status;
    } else {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << count << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(option.name)) << count;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Of, DurationsTest, ::testing::ValuesIn(Options()), [](const auto& option) {
  std::string name = std::to_string(option.index) + "_" + option.param.name;
  for (char& c : name) c = c == '.' ? '_' : c;
  return name;
});

class EndlessTest : public ::testing::TestWithParam<milliseconds> {};

TEST_P(EndlessTest, APoolWaitsForSpaceUntilThereIsSome) {
  auto pool = actorpool::ActorPool::Create({.actors = 1, .inbox_capacity = 1, .workers = 1});
  std::promise<void> begun, release;
  const auto blocks = [&] {
    begun.set_value();
    release.get_future().wait();
    return absl::OkStatus();
  };
  ASSERT_TRUE((*pool)->ProcessMessage({.work = blocks}).ok());
  begun.get_future().wait();
  const auto nothing = [] { return absl::OkStatus(); };
  ASSERT_TRUE((*pool)->ProcessMessage({.work = nothing}).ok());
  EXPECT_TRUE(absl::IsResourceExhausted((*pool)->ProcessMessage({.work = nothing})));
  auto waits = std::async(std::launch::async, [&] { return (*pool)->ProcessMessage({.work = nothing}, GetParam()); });
  auto drains = std::async(std::launch::async, [&] {
    EXPECT_EQ(waits.wait_for(milliseconds(20)), std::future_status::timeout);
    release.set_value();
    EXPECT_TRUE(waits.get().ok());
    return (*pool)->Drain(GetParam());
  });
  EXPECT_TRUE(drains.get().ok());
}

TEST_P(EndlessTest, APoolThatStopsEndsTheWaits) {
  auto pool = actorpool::ActorPool::Create({.actors = 1, .workers = 1});
  std::promise<void> begun, release;
  const auto blocks = [&] {
    begun.set_value();
    release.get_future().wait();
    return absl::OkStatus();
  };
  ASSERT_TRUE((*pool)->ProcessMessage({.work = blocks}).ok());
  begun.get_future().wait();
  auto drains = std::async(std::launch::async, [&] { return (*pool)->Drain(GetParam()); });
  EXPECT_EQ(drains.wait_for(milliseconds(20)), std::future_status::timeout);
  auto stops = std::async(std::launch::async, [&] { (*pool)->Stop(); });
  release.set_value();
  ASSERT_EQ(drains.wait_for(seconds(30)), std::future_status::ready);
  EXPECT_TRUE(drains.get().ok());
}

INSTANTIATE_TEST_SUITE_P(For, EndlessTest,
                         ::testing::Values(milliseconds::max(), milliseconds::max() - milliseconds(1),
                                           hours(24 * 365 * 300), hours(24 * 365 * 292)),
                         [](const auto& endless) { return "Time" + std::to_string(endless.index); });

}  // namespace
}  // namespace penstock
