// SPDX-License-Identifier: Apache-2.0
// Latency from the moment a message was to be sent to the callback that gets it, at a fixed rate: an open loop, in
// which what falls behind counts in full for every message that it delays.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "async_publisher.h"
#include "benchmarks/program.h"
#include "benchmarks/schedule.h"
#include "session.h"

namespace penstock::benchmarks {
namespace {

constexpr std::int64_t kWindow = 65'536;
constexpr auto kStragglers = std::chrono::seconds(30);

struct Settings {
  Target target{};
  std::uint64_t rate = 10'000;
  double seconds = 5;
  double warm_up = 1;
  std::uint64_t keys = 1000;
  std::size_t payload = 128;
  std::int64_t window = 4096;
  Writes writes = Writes::kAtOnce;

  std::uint64_t In(double time) const { return static_cast<std::uint64_t>(static_cast<double>(rate) * time); }
};

/// Takes what arrives, in order and without gaps, and keeps the latencies of what came after the warm-up.
class Arrivals {
 public:
  Arrivals(const Schedule& schedule, std::uint64_t warm_up, std::uint64_t measured)
      : schedule_(schedule), warm_up_(warm_up), total_(warm_up + measured) {
    latencies_.reserve(measured);
  }

  void Take(natsMsg* message) {
    const auto now = Clock::now();
    if (finished_) return;
    std::uint64_t number = total_;
    if (natsMsg_GetDataLength(message) >= static_cast<int>(sizeof number))
      std::memcpy(&number, natsMsg_GetData(message), sizeof number);
    if (number != next_)
      return Finish(absl::DataLossError(absl::StrFormat("consume: message %d came, not %d", number, next_)));
    ++next_;
    if (number >= warm_up_) latencies_.push_back(now - schedule_.Of(number));
    if (const natsStatus status = natsMsg_Ack(message, nullptr); status != NATS_OK)
      return Finish(Check(status, "acknowledge"));
    last_ = now;
    if (next_ == total_) Finish(absl::OkStatus());
  }

  absl::StatusOr<Result> Await() {
    auto outcome = outcome_.get_future();
    if (outcome.wait_for(kStragglers) != std::future_status::ready)
      return absl::DataLossError("consume: not every message came");
    if (auto status = outcome.get(); !status.ok()) return status;
    return Result{
        .messages = total_ - warm_up_, .elapsed = last_ - schedule_.Of(warm_up_), .latencies = Percentiles(latencies_)};
  }

 private:
  void Finish(absl::Status status) {
    finished_ = true;
    outcome_.set_value(std::move(status));
  }

  const Schedule& schedule_;
  const std::uint64_t warm_up_;
  const std::uint64_t total_;
  std::uint64_t next_ = 0;
  bool finished_ = false;
  Clock::time_point last_{};
  std::vector<Clock::duration> latencies_;
  std::promise<absl::Status> outcome_;
};

absl::Status PublishOnSchedule(const Session& session, const Settings& settings, Schedule& schedule,
                               std::uint64_t total) {
  const auto publisher = AsyncPublisher::Create(session, kWindow);
  if (!publisher.ok()) return publisher.status();
  std::string body(std::max(settings.payload, sizeof(std::uint64_t)), 'x');
  schedule.Begin();
  for (std::uint64_t number = 0; number < total; ++number) {
    std::memcpy(body.data(), &number, sizeof number);
    auto message =
        MakeMessage(settings.target.subject,
                    {.aggregate_id = AggregateOf(number, settings.keys), .message_id = MessageIdOf(number)}, body);
    if (!message.ok()) return message.status();
    schedule.Await(number);
    if (auto status = (*publisher)->Publish(*std::move(message)); !status.ok()) return status;
  }
  return (*publisher)->Complete();
}

jsConsumerConfig ConsumerOf(const Settings& settings) {
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = settings.target.durable.c_str();
  config.DeliverPolicy = js_DeliverNew;
  config.AckPolicy = js_AckExplicit;
  config.MaxAckPending = settings.window;
  return config;
}

absl::StatusOr<Result> Measure(const Settings& settings) {
  const Target& target = settings.target;
  const auto sender = Session::Connect(target, settings.writes);
  if (!sender.ok()) return sender.status();
  const auto receiver = Session::Connect(target);
  if (!receiver.ok()) return receiver.status();
  if (const auto held = (*sender)->EnsureStream(target); !held.ok()) return held.status();
  if (auto status = (*receiver)->DeleteConsumer(target.stream, target.durable); !status.ok()) return status;

  Schedule schedule(settings.rate);
  const std::uint64_t warm_up = settings.In(settings.warm_up);
  const std::uint64_t measured = std::max<std::uint64_t>(1, settings.In(settings.seconds));
  Arrivals arrivals(schedule, warm_up, measured);
  const auto subscription =
      Subscription::Push(**receiver, target, ConsumerOf(settings),
                         [&arrivals](natsSubscription*, MessageHandle message) { arrivals.Take(message.get()); });
  if (!subscription.ok()) return subscription.status();
  if (auto status = PublishOnSchedule(**sender, settings, schedule, warm_up + measured); !status.ok()) return status;
  auto result = arrivals.Await();
  if (!result.ok()) return result;
  if (auto status = (*receiver)->Flush(); !status.ok()) return status;
  if (auto status = (*receiver)->AwaitAllAcked(target.stream, target.durable); !status.ok()) return status;
  if (auto status = (*receiver)->DeleteConsumer(target.stream, target.durable); !status.ok()) return status;
  return result;
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("latency from intended send to callback with nats.c; makes the stream if there is none",
               "raw_end_to_end");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddTargetOptions(app, settings.target);
  app.remove_option(app.get_option("--messages"));
  app.add_option("--rate", settings.rate, "messages a second")->check(CLI::PositiveNumber);
  app.add_option("--seconds", settings.seconds, "how long to measure")->check(CLI::PositiveNumber);
  app.add_option("--warm-up", settings.warm_up, "seconds at that rate before")->check(CLI::NonNegativeNumber);
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  app.add_option("--payload", settings.payload, "bytes of a body");
  app.add_option("--window", settings.window, "the consumer's MaxAckPending")->check(CLI::PositiveNumber);
  bool gather = false;
  app.add_flag("--gather", gather, "write gathered messages, for high rates; otherwise each at once");
  return penstock::benchmarks::RunProgram(app, argc, argv, [&] {
    if (gather) settings.writes = penstock::benchmarks::Writes::kGathered;
    return penstock::benchmarks::Measure(settings);
  });
}
