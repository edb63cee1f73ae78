// SPDX-License-Identifier: Apache-2.0
// Measures the memory that idle things keep: actors, subscriptions, keys whose messages were handled, and messages that
// were handled. Each figure is the difference between few and many of them, in this process alone.
#include <malloc.h>

#include <deque>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "benchmarks/load/spread.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::benchmarks {
namespace {

constexpr std::uint64_t kFirstShare = 10;    // a tenth of the messages comes before the first look
constexpr std::uint64_t kKeysOfAnActor = 4;  // of which next to every actor gets one
constexpr std::chrono::minutes kPatience{1};

struct Settings {
  BusSettings bus{};
  std::size_t idle_actors = 65'536;
  std::size_t subscriptions = 200;
  std::uint64_t events = 1000;  // of each subscription
};

// As the page tables have it: the counters of statm lag behind by some pages a thread.
absl::StatusOr<double> ResidentBytes() {
  malloc_trim(0);
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string word; rollup >> word;) {
    if (double kib = 0; word == "Anonymous:" && rollup >> kib) return kib * 1024;
  }
  return absl::UnavailableError("read memory: /proc/self/smaps_rollup has no line \"Anonymous\"");
}

/// The memory that each of `count` things took, between two measurements.
absl::StatusOr<double> Each(const absl::StatusOr<double>& before, const absl::StatusOr<double>& after,
                            std::uint64_t count) {
  if (!before.ok()) return before.status();
  if (!after.ok()) return after.status();
  return (*after - *before) / static_cast<double>(count);
}

/// The memory of this process while there is a pool whose actors have all run something.
absl::StatusOr<double> BytesWithActors(const Settings& settings, std::size_t actors) {
  const auto pool = actorpool::ActorPool::Create({.actors = actors, .workers = settings.bus.workers});
  if (!pool.ok()) return pool.status();
  for (std::uint64_t key = 0; key < kKeysOfAnActor * actors; ++key) {
    absl::Status taken =
        (*pool)->ProcessMessage({.key = absl::StrCat("key-", key), .work = [] { return absl::OkStatus(); }}, kPatience);
    if (!taken.ok()) return taken;
  }
  absl::Status done = AwaitCount("dispatch", kKeysOfAnActor * actors, [&pool] {
    std::uint64_t succeeded = 0;
    for (const actorpool::ActorStats& actor : (*pool)->Stats().actors) succeeded += actor.succeeded;
    return succeeded;
  });
  if (!done.ok()) return done;
  return ResidentBytes();
}

absl::StatusOr<double> BytesPerActor(const Settings& settings) {
  const auto one = BytesWithActors(settings, 1);
  return Each(one, BytesWithActors(settings, settings.idle_actors), settings.idle_actors - 1);
}

/// A bus that publishes, and one that handles all of it.
class Circle {
 public:
  static absl::StatusOr<std::unique_ptr<Circle>> Close(const Settings& settings, const std::string& topic) {
    auto publisher = ConnectBus(settings.bus);
    if (!publisher.ok()) return publisher.status();
    auto consumer = ConnectBus(settings.bus);
    if (!consumer.ok()) return consumer.status();
    std::unique_ptr<Circle> circle(new Circle(settings, topic, *std::move(publisher), *std::move(consumer)));
    absl::Status subscribed = SubscribeInOrder(*circle->consumer_, topic, {}, circle->order_);
    if (!subscribed.ok()) return subscribed;
    return circle;
  }

  /// The memory in use after `events` more of so many keys.
  absl::StatusOr<double> BytesAfter(std::uint64_t events, std::uint64_t keys) {
    absl::Status sent = PublishEvents(*publisher_, {.topics = {topic_}, .keys = keys}, events);
    if (!sent.ok()) return sent;
    seen_ += events;
    if (absl::Status came = AwaitAcked(*consumer_, seen_); !came.ok()) return came;
    if (order_.disorders() == 0) return ResidentBytes();
    return absl::DataLossError(absl::StrFormat("consume: %d messages came out of order", order_.disorders()));
  }

 private:
  Circle(const Settings& settings, std::string topic, std::unique_ptr<EventBus> publisher,
         std::unique_ptr<EventBus> consumer)
      : topic_(std::move(topic)),
        order_(settings.bus.target.messages),
        publisher_(std::move(publisher)),
        consumer_(std::move(consumer)) {}

  const std::string topic_;
  KeyOrder order_;  // outlives whose handlers use it
  const std::unique_ptr<EventBus> publisher_;
  const std::unique_ptr<EventBus> consumer_;
  std::uint64_t seen_ = 0;
};

absl::Status AddMessagesAndKeys(const Settings& settings, const std::string& topic, Footprint& footprint) {
  const auto circle = Circle::Close(settings, topic);
  if (!circle.ok()) return circle.status();
  const std::uint64_t messages = settings.bus.target.messages;
  const std::uint64_t first = messages / kFirstShare;
  // Many keys from the start: what is in hand at once, and the actors that have it, are as many as they will ever be.
  const auto few = (*circle)->BytesAfter(first, first);
  const auto many = (*circle)->BytesAfter(messages - first, first);
  const auto keys = (*circle)->BytesAfter(messages, messages);
  const auto per_message = Each(few, many, messages - first);
  if (!per_message.ok()) return per_message.status();
  const auto per_key = Each(many, keys, messages - first);
  if (!per_key.ok()) return per_key.status();
  footprint.per_message_seen = *per_message;
  footprint.per_idle_key = *per_key;
  return absl::OkStatus();
}

absl::Status FillTopics(const Settings& settings, const std::vector<std::string>& topics) {
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  return PublishEvents(**bus, {.topics = topics}, settings.events * topics.size());
}

absl::StatusOr<double> BytesPerSubscription(const Settings& settings, const std::vector<std::string>& topics) {
  if (absl::Status filled = FillTopics(settings, topics); !filled.ok()) return filled;
  std::deque<KeyOrder> orders;
  for (std::size_t topic = 0; topic < topics.size(); ++topic) orders.emplace_back(Spread{}.keys);
  const auto bus = ConnectBus(settings.bus);
  if (!bus.ok()) return bus.status();
  absl::StatusOr<double> one = 0.0;
  for (std::size_t topic = 0; topic < topics.size(); ++topic) {
    absl::Status subscribed = SubscribeInOrder(**bus, topics[topic], {}, orders[topic]);
    if (!subscribed.ok()) return subscribed;
    if (absl::Status came = AwaitAcked(**bus, settings.events * (topic + 1)); !came.ok()) return came;
    if (topic == 0) one = ResidentBytes();
  }
  return Each(one, ResidentBytes(), topics.size() - 1);
}

absl::StatusOr<Result> Measure(const Settings& settings, const std::vector<std::string>& topics) {
  const auto begun = Clock::now();
  Footprint footprint;
  const auto actor = BytesPerActor(settings);
  if (!actor.ok()) return actor.status();
  if (absl::Status added = AddMessagesAndKeys(settings, topics.back(), footprint); !added.ok()) return added;
  const std::vector<std::string> subscribed(topics.begin(), topics.end() - 1);
  const auto subscription = BytesPerSubscription(settings, subscribed);
  if (!subscription.ok()) return subscription.status();
  footprint.per_idle_actor = *actor;
  footprint.per_idle_subscription = *subscription;
  return Result{.messages = 2 * settings.bus.target.messages + settings.events * subscribed.size(),
                .elapsed = Clock::now() - begun,
                .footprint = footprint};
}

absl::StatusOr<Result> Run(const Settings& settings) {
  return WithTopics(settings.bus, settings.subscriptions + 1,
                    [&](const std::vector<std::string>& topics) { return Measure(settings, topics); });
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("memory of what is idle, and of messages seen", "memory_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.get_option("--messages")
      ->description("how many of a tenth as many keys, and then of a key each")
      ->check(CLI::Range(10, 1 << 30));
  app.add_option("--idle-actors", settings.idle_actors, "actors, against one")->check(CLI::Range(2, 65'536));
  app.add_option("--subscriptions", settings.subscriptions, "subscriptions, against one")->check(CLI::Range(2, 10'000));
  app.add_option("--events", settings.events, "events that each of these handles")->check(CLI::PositiveNumber);
  return penstock::benchmarks::RunProgram(app, argc, argv, [&settings] { return penstock::benchmarks::Run(settings); });
}
