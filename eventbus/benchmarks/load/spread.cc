// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/load/spread.h"

#include <atomic>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/peers/raw/session.h"

namespace penstock::benchmarks {
namespace {

constexpr std::size_t kPayload = 43;  // which makes bodies of 128 bytes

/// How publishes ended; the callbacks share it, as one may be told of its end late.
struct Ends {
  std::atomic<std::uint64_t> all{0};     // relaxed: counters
  std::atomic<std::uint64_t> failed{0};  // relaxed
};

PublishCallback Counted(const std::shared_ptr<Ends>& ends) {
  return [ends](const absl::StatusOr<PubAck>& ack) {
    if (!ack.ok()) ends->failed.fetch_add(1, std::memory_order_relaxed);
    ends->all.fetch_add(1, std::memory_order_relaxed);
  };
}

Envelope EventOf(std::uint64_t number, std::uint64_t keys) {
  return {.aggregate_id = absl::StrCat("aggregate-", number % keys),
          .event_type = "BenchmarkRun",
          .payload = std::string(kPayload, 'x')};
}

std::vector<std::string> TopicsBelow(const std::string& subject, std::size_t count) {
  std::vector<std::string> topics;
  for (std::size_t topic = 0; topic < count; ++topic) topics.push_back(absl::StrCat(subject, ".", topic));
  return topics;
}

absl::Status DeleteStreams(const BusSettings& settings, const std::vector<std::string>& topics) {
  const auto base = BaseOf(settings.target);
  if (!base.ok()) return base.status();
  const auto session = Session::Connect(settings.target);
  if (!session.ok()) return session.status();
  for (const std::string& topic : topics) {
    absl::Status deleted = (*session)->DeleteStream(StreamName(*base, topic));
    if (!deleted.ok()) return deleted;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PublishEvents(EventBus& bus, const Spread& spread, std::uint64_t events) {
  const auto ends = std::make_shared<Ends>();
  for (std::uint64_t number = 0; number < events; ++number) {
    const std::string& topic = spread.topics[number % spread.topics.size()];
    absl::Status sent = bus.PublishEnvelopeAsync(topic, EventOf(number, spread.keys), Counted(ends));
    if (!sent.ok()) return sent;
  }
  absl::Status ended = AwaitCount("publish", events, [&ends] { return ends->all.load(std::memory_order_relaxed); });
  const std::uint64_t failed = ends->failed.load(std::memory_order_relaxed);
  if (!ended.ok() || failed == 0) return ended;
  return absl::DataLossError(absl::StrFormat("publish: %d messages failed", failed));
}

absl::Status SubscribeInOrder(EventBus& bus, const std::string& topic, const EnvelopeSubscribeOptions& options,
                              KeyOrder& order) {
  return bus
      .SubscribeEnvelope(topic, options,
                         [&order](const Envelope& event, const Delivery& delivery) {
                           order.Take(event.aggregate_id, delivery.stream_sequence());
                           return Ack();
                         })
      .status();
}

absl::Status AwaitAcked(const EventBus& bus, std::uint64_t wanted) {
  return AwaitCount("consume", wanted, [&bus] {
    std::uint64_t acked = 0;
    for (const SubscriptionStats& subscription : bus.Stats().subscriptions) acked += subscription.acked;
    return acked;
  });
}

absl::StatusOr<Result> WithTopics(const BusSettings& settings, std::size_t count,
                                  absl::FunctionRef<absl::StatusOr<Result>(const std::vector<std::string>&)> measure) {
  const std::vector<std::string> topics = TopicsBelow(settings.target.subject, count);
  auto result = measure(topics);
  absl::Status deleted = DeleteStreams(settings, topics);
  if (result.ok() && !deleted.ok()) return deleted;
  return result;
}

}  // namespace penstock::benchmarks
