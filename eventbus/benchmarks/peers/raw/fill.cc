// SPDX-License-Identifier: Apache-2.0
// Fills a new file stream with the messages that PublishEnvelope would put there.
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "async_publisher.h"
#include "benchmarks/program.h"
#include "penstock/eventbus/envelope.h"
#include "session.h"

namespace penstock::benchmarks {
namespace {

constexpr std::int64_t kWindow = 4096;
constexpr std::string_view kEventType = "BenchmarkRun";

struct Settings {
  Target target{};
  std::uint32_t keys = 1000;
  std::size_t payload = 128;
  double zipf = 0;
};

/// Draws aggregates, the same ones in every run: number k, from 0, with a weight of 1 / (k + 1)^zipf.
class Aggregates {
 public:
  explicit Aggregates(const Settings& settings) {
    std::vector<double> weights(settings.keys);
    for (std::size_t k = 0; k < weights.size(); ++k)
      weights[k] = 1.0 / std::pow(static_cast<double>(k + 1), settings.zipf);
    distribution_ = std::discrete_distribution<std::uint32_t>(weights.begin(), weights.end());
  }

  std::string Next() { return absl::StrCat("aggregate-", distribution_(random_)); }

 private:
  std::mt19937 random_;  // NOLINT(cert-msc51-cpp): every run is to draw the same
  std::discrete_distribution<std::uint32_t> distribution_;
};

/// Bytes of tag and length of a payload that fills up `room` bytes together with them.
std::size_t FramingOf(std::size_t room) { return room < 130 ? 2 : room < 16'387 ? 3 : 4; }

/// An encoded envelope of `size` bytes: its own payload fills it up.
absl::StatusOr<std::string> BodyOf(Envelope envelope, std::size_t size) {
  const auto bare = EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf);
  if (!bare.ok()) return bare;
  if (bare->size() + FramingOf(0) >= size) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "make a message: an envelope takes %d bytes without a payload; raise --payload", bare->size() + FramingOf(0)));
  }
  const std::size_t room = size - bare->size();
  envelope.payload.assign(room - FramingOf(room), 'x');
  return EncodeEnvelope(envelope, EnvelopeFormat::kProtobuf);
}

absl::StatusOr<MessageHandle> NextMessage(const Settings& settings, Aggregates& aggregates) {
  const Envelope envelope{.event_id = NewEventId(),
                          .aggregate_id = aggregates.Next(),
                          .event_type = std::string(kEventType),
                          .timestamp = std::chrono::system_clock::now()};
  const auto body = BodyOf(envelope, settings.payload);
  if (!body.ok()) return body.status();
  return MakeMessage(settings.target.subject,
                     {.aggregate_id = envelope.aggregate_id,
                      .message_id = envelope.event_id,
                      .event_type = kEventType,
                      .content_type = ContentType(EnvelopeFormat::kProtobuf)},
                     *body);
}

absl::StatusOr<Result> Fill(const Settings& settings) {
  const Target& target = settings.target;
  const auto session = Session::Connect(target);
  if (!session.ok()) return session.status();
  const auto before = (*session)->EnsureStream(target);
  if (!before.ok()) return before.status();
  if (*before != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("fill stream \"%s\": it holds %d messages; delete it first", target.stream, *before));
  }
  const auto publisher = AsyncPublisher::Create(**session, kWindow);
  if (!publisher.ok()) return publisher.status();
  Aggregates aggregates(settings);
  const auto begun = Clock::now();
  for (std::uint64_t left = target.messages; left > 0; --left) {
    auto message = NextMessage(settings, aggregates);
    if (!message.ok()) return message.status();
    if (auto status = (*publisher)->Publish(*std::move(message)); !status.ok()) return status;
  }
  if (auto status = (*publisher)->Complete(); !status.ok()) return status;
  const auto elapsed = Clock::now() - begun;
  const auto after = (*session)->EnsureStream(target);
  if (!after.ok()) return after.status();
  if (*after == target.messages) return Result{.messages = target.messages, .elapsed = elapsed};
  return absl::DataLossError(
      absl::StrFormat("fill stream \"%s\": it holds %d messages, not %d", target.stream, *after, target.messages));
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  CLI::App app("makes a file stream and fills it as PublishEnvelope would", "fill");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddTargetOptions(app, settings.target);
  app.remove_option(app.get_option("--durable"));
  app.add_option("--keys", settings.keys, "aggregates")->check(CLI::PositiveNumber);
  app.add_option("--payload", settings.payload, "bytes of a body, a whole envelope; 100 at least");
  app.add_option("--zipf", settings.zipf, "exponent of the keys' Zipf distribution; 0 is uniform")
      ->check(CLI::NonNegativeNumber);
  return penstock::benchmarks::RunProgram(app, argc, argv,
                                          [&settings] { return penstock::benchmarks::Fill(settings); });
}
