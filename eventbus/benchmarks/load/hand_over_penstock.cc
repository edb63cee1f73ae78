// SPDX-License-Identifier: Apache-2.0
// How long nothing of a durable is handled when its owner drains and a standby takes over, under load: two processes'
// worth of buses take turns, and the order of each aggregate is checked across them.
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "benchmarks/load/key_order.h"
#include "benchmarks/load/load_bus.h"

namespace penstock::benchmarks {
namespace {

constexpr std::chrono::milliseconds kLook{1};
constexpr std::chrono::milliseconds kBetweenEvents{1};
constexpr std::chrono::seconds kPatience{60};
constexpr std::uint64_t kHandledByEach = 50;

struct Settings {
  BusSettings bus{};
  std::size_t keys = 100;
};

/// Publishes one event after the other as long as it lives.
class Source {
 public:
  Source(EventBus& bus, const Settings& settings)
      : thread_([this, &bus, &settings](const std::stop_token& stop) {
          for (std::uint64_t number = 0; !stop.stop_requested(); ++number) {
            Note(bus.PublishEnvelopeAsync(settings.bus.target.subject,
                                          {.aggregate_id = absl::StrFormat("aggregate-%d", number % settings.keys),
                                           .event_type = "BenchmarkRun",
                                           .payload = "x"},
                                          [this](const absl::StatusOr<PubAck>& ack) { Note(ack.status()); }));
            std::this_thread::sleep_for(kBetweenEvents);
          }
        }) {}

  bool failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  void Note(const absl::Status& status) {
    if (!status.ok()) failed_.store(true, std::memory_order_relaxed);
  }

  std::atomic<bool> failed_{false};
  std::jthread thread_;
};

/// One of those that take turns.
class Turn {
 public:
  static absl::StatusOr<std::unique_ptr<Turn>> Begin(const Settings& settings, KeyOrder& order) {
    auto bus = ConnectBus(settings.bus);
    if (!bus.ok()) return bus.status();
    std::unique_ptr<Turn> turn(new Turn(*std::move(bus)));
    const auto subscribed =
        turn->bus_->SubscribeEnvelope(settings.bus.target.subject, {.durable = settings.bus.target.durable},
                                      [&order, raw = turn.get()](const Envelope& event, const Delivery& delivery) {
                                        raw->Take(event, delivery, order);
                                        return Ack();
                                      });
    if (!subscribed.ok()) return subscribed.status();
    return turn;
  }

  const EventBus& bus() const { return *bus_; }
  std::uint64_t handled() const { return handled_.load(std::memory_order_acquire); }
  Clock::time_point first() const { return first_.load(std::memory_order_acquire); }
  Clock::time_point last() const { return last_.load(std::memory_order_acquire); }
  absl::Status Drain() { return bus_->Drain(kPatience).status; }

 private:
  explicit Turn(std::unique_ptr<EventBus> bus) : bus_(std::move(bus)) {}

  void Take(const Envelope& event, const Delivery& delivery, KeyOrder& order) {
    const auto now = Clock::now();
    order.Take(event.aggregate_id, delivery.stream_sequence());
    last_.store(now, std::memory_order_release);
    if (handled_.fetch_add(1, std::memory_order_acq_rel) == 0) first_.store(now, std::memory_order_release);
  }

  std::atomic<std::uint64_t> handled_{0};
  std::atomic<Clock::time_point> first_{};
  std::atomic<Clock::time_point> last_{};
  std::unique_ptr<EventBus> bus_;
};

template <typename Condition>
absl::Status Await(const char* what, Condition condition) {
  for (const auto deadline = Clock::now() + kPatience; Clock::now() < deadline; std::this_thread::sleep_for(kLook)) {
    if (condition()) return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrFormat("hand over: %s did not happen within 60 s", what));
}

absl::StatusOr<Clock::duration> HandOver(Turn& owner, const Turn& standby) {
  absl::Status ready = Await("handling by the owner", [&] { return owner.handled() >= kHandledByEach; });
  ready.Update(Await("standing by", [&] { return OnlySubscription(standby.bus()).standing_by; }));
  ready.Update(owner.Drain());
  ready.Update(Await("handling by the successor", [&] { return standby.first() != Clock::time_point{}; }));
  if (!ready.ok()) return ready;
  return standby.first() - owner.last();
}

absl::StatusOr<Result> Measure(const Settings& settings) {
  const auto publisher = ConnectBus(settings.bus);
  if (!publisher.ok()) return publisher.status();
  KeyOrder order(settings.keys);
  auto owner = Turn::Begin(settings, order);
  if (!owner.ok()) return owner.status();
  Source source(**publisher, settings);
  const auto began = Clock::now();
  std::vector<Clock::duration> gaps;
  while (gaps.size() < settings.bus.target.messages) {
    auto standby = Turn::Begin(settings, order);
    if (!standby.ok()) return standby.status();
    const auto gap = HandOver(**owner, **standby);
    if (!gap.ok()) return gap.status();
    gaps.push_back(*gap);
    owner = std::move(standby);
  }
  if (order.disorders() > 0) return absl::DataLossError("hand over: events of an aggregate came out of order");
  if (source.failed()) return absl::DataLossError("hand over: a publish failed");
  return Result{.messages = gaps.size(), .elapsed = Clock::now() - began, .latencies = Percentiles(gaps)};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("how long nothing is handled when a durable is handed over", "hand_over_penstock");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddBusOptions(app, settings.bus);
  app.get_option("--messages")->description("how often it is handed over");
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Measure(settings); });
}
