// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/load/consumption.h"

#include <thread>

#include "absl/strings/str_format.h"
#include "benchmarks/peers/raw/session.h"

namespace penstock::benchmarks {
namespace {

// An at-most-once subscription begins with what comes; this durable begins with what is there.
absl::Status MakeDurableFromTheFirst(const Target& target) {
  const auto session = Session::Connect(target);
  if (!session.ok()) return session.status();
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = target.durable.c_str();
  config.FilterSubject = target.subject.c_str();
  config.DeliverPolicy = js_DeliverAll;
  config.AckPolicy = js_AckNone;
  config.MaxDeliver = -1;
  return (*session)->ReplaceConsumer(target.stream, config);
}

}  // namespace

void AddConsumeOptions(CLI::App& app, ConsumeSettings& settings) {
  AddBusOptions(app, settings.bus);
  app.add_option("--mode", settings.mode, "how messages are acknowledged")
      ->check(CLI::IsMember({"explicit", "cumulative", "at-most-once"}));
  app.add_option("--window", settings.window, "messages in flight")->check(CLI::PositiveNumber);
  app.add_option("--keys", settings.keys, "aggregates there may be, at most")->check(CLI::PositiveNumber);
  app.add_option_function<std::int64_t>(
         "--handler-us", [&settings](std::int64_t time) { settings.handler = std::chrono::microseconds{time}; },
         "time a handler takes, asleep")
      ->check(CLI::NonNegativeNumber);
}

Consumption::Consumption(ConsumeSettings settings) : settings_(std::move(settings)), order_(settings_.keys) {}

void Consumption::Handle(std::string_view aggregate, std::uint64_t sequence) {
  if (begun_.load(std::memory_order_relaxed) == 0) {
    Clock::rep none = 0;
    begun_.compare_exchange_strong(none, Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  }
  order_.Take(aggregate, sequence);
  handled_.fetch_add(1, std::memory_order_relaxed);
  if (settings_.handler.count() > 0) std::this_thread::sleep_for(settings_.handler);
}

absl::Status Consumption::SubscribeAtMostOnce(EventBus& bus) {
  const Target& target = settings_.bus.target;
  if (absl::Status made = MakeDurableFromTheFirst(target); !made.ok()) return made;
  return bus
      .Subscribe(target.subject, {.group = target.durable, .max_in_flight = settings_.window},
                 [this](const Delivery& delivery) {
                   Handle(delivery.Header(header::kAggregateId).value_or(std::string_view{}),
                          delivery.stream_sequence());
                   return absl::OkStatus();
                 })
      .status();
}

absl::Status Consumption::Subscribe(EventBus& bus) {
  if (settings_.mode == "at-most-once") return SubscribeAtMostOnce(bus);
  const Target& target = settings_.bus.target;
  const EnvelopeSubscribeOptions options{
      .durable = target.durable,
      .ack_mode = settings_.mode == "cumulative" ? AckMode::kCumulative : AckMode::kExplicit,
      .max_in_flight = settings_.window};
  return bus
      .SubscribeEnvelope(target.subject, options,
                         [this](const Envelope& event, const Delivery& delivery) {
                           Handle(event.aggregate_id, delivery.stream_sequence());
                           return Ack();
                         })
      .status();
}

// The bus is asked only at the end: to look at every actor's counts each time would be a cost that peers do not have.
absl::Status Consumption::AwaitAll(const EventBus& bus) const {
  const auto handled = [this] { return handled_.load(std::memory_order_relaxed); };
  if (absl::Status all = AwaitCount("consume", settings_.bus.target.messages, handled); !all.ok()) return all;
  return AwaitCount("consume", settings_.bus.target.messages, [this, &bus] {
    const SubscriptionStats stats = OnlySubscription(bus);
    return settings_.mode == "at-most-once" ? stats.handled : stats.acked;
  });
}

absl::StatusOr<Result> Consumption::Run(EventBus& bus) {
  if (absl::Status subscribed = Subscribe(bus); !subscribed.ok()) return subscribed;
  if (absl::Status came = AwaitAll(bus); !came.ok()) return came;
  if (DrainReport drained = bus.Drain(std::chrono::seconds{30}); !drained.status.ok()) return drained.status;
  const Clock::time_point begun{Clock::duration(begun_.load(std::memory_order_relaxed))};
  const Result result{.messages = settings_.bus.target.messages, .elapsed = Clock::now() - begun};
  if (order_.disorders() == 0) return result;
  return absl::DataLossError(absl::StrFormat("consume: %d messages came out of order", order_.disorders()));
}

}  // namespace penstock::benchmarks
