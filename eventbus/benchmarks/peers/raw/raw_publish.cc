// SPDX-License-Identifier: Apache-2.0
// Publishes with nothing but nats.c: many messages under way, or each only after the PubAck of the one before.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "async_publisher.h"
#include "benchmarks/program.h"
#include "session.h"

namespace penstock::benchmarks {
namespace {

struct Settings {
  Target target{};
  std::string mode = "async";
  std::int64_t window = 4096;
  std::uint64_t keys = 1000;
  std::size_t payload = 128;
};

absl::StatusOr<MessageHandle> MessageOf(const Settings& settings, std::uint64_t number, std::string_view body) {
  return MakeMessage(settings.target.subject,
                     {.aggregate_id = AggregateOf(number, settings.keys), .message_id = MessageIdOf(number)}, body);
}

absl::StatusOr<Result> PublishAsync(const Session& session, const Settings& settings) {
  const auto publisher = AsyncPublisher::Create(session, settings.window);
  if (!publisher.ok()) return publisher.status();
  const std::string body(settings.payload, 'x');
  const auto begun = Clock::now();
  for (std::uint64_t number = 0; number < settings.target.messages; ++number) {
    auto message = MessageOf(settings, number, body);
    if (!message.ok()) return message.status();
    if (auto status = (*publisher)->Publish(*std::move(message)); !status.ok()) return status;
  }
  if (auto status = (*publisher)->Complete(); !status.ok()) return status;
  return Result{.messages = settings.target.messages, .elapsed = Clock::now() - begun};
}

absl::StatusOr<Result> PublishSync(const Session& session, const Settings& settings) {
  const std::string body(settings.payload, 'x');
  std::vector<Clock::duration> round_trips;
  round_trips.reserve(settings.target.messages);
  const auto begun = Clock::now();
  for (std::uint64_t number = 0; number < settings.target.messages; ++number) {
    const auto sent = Clock::now();
    const auto message = MessageOf(settings, number, body);
    if (!message.ok()) return message.status();
    const natsStatus status = js_PublishMsg(nullptr, session.context(), message->get(), nullptr, nullptr);
    if (status != NATS_OK) return Check(status, "publish");
    round_trips.push_back(Clock::now() - sent);
  }
  const auto elapsed = Clock::now() - begun;
  return Result{.messages = settings.target.messages, .elapsed = elapsed, .latencies = Percentiles(round_trips)};
}

absl::StatusOr<Result> Publish(const Settings& settings) {
  const auto session = Session::Connect(settings.target);
  if (!session.ok()) return session.status();
  const auto before = (*session)->EnsureStream(settings.target);
  if (!before.ok()) return before.status();
  auto result = settings.mode == "sync" ? PublishSync(**session, settings) : PublishAsync(**session, settings);
  if (!result.ok()) return result;
  const auto after = (*session)->EnsureStream(settings.target);
  if (!after.ok()) return after.status();
  if (*after - *before == settings.target.messages) return result;
  return absl::DataLossError(absl::StrFormat("publish: the stream grew by %d messages, not by %d", *after - *before,
                                             settings.target.messages));
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("publishes to a stream with nats.c; makes the stream if there is none", "raw_publish");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddTargetOptions(app, settings.target);
  app.add_option("--mode", settings.mode, "how")->check(CLI::IsMember({"async", "sync"}));
  app.add_option("--window", settings.window, "async: messages under way")->check(CLI::PositiveNumber);
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  app.add_option("--payload", settings.payload, "bytes of a body");
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Publish(settings); });
}
