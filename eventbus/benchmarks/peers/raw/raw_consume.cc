// SPDX-License-Identifier: Apache-2.0
// Consumes a filled stream with nothing but nats.c, in one of the ways that it or the protocol offers.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "benchmarks/program.h"
#include "consumption.h"
#include "session.h"

namespace penstock::benchmarks {
namespace {

constexpr std::uint64_t kAckEvery = 256;
constexpr std::string_view kAck = "+ACK";

enum class Mode { kSubscribe, kInbox, kCumulative, kNonePush, kNonePull };

struct Settings {
  Target target{};
  Mode mode = Mode::kSubscribe;
  std::int64_t window = 4096;
};

natsStatus PublishAck(natsConnection* connection, natsMsg* message) {
  return natsConnection_Publish(connection, natsMsg_GetReply(message), kAck.data(), static_cast<int>(kAck.size()));
}

/// Two pull requests of half the window each: as soon as one has been answered in full, the next goes out.
class PullFlowControl {
 public:
  PullFlowControl(const Session& session, const Settings& settings, std::string inbox)
      : connection_(session.connection()),
        subject_(absl::StrFormat("$JS.API.CONSUMER.MSG.NEXT.%s.%s", settings.target.stream, settings.target.durable)),
        inbox_(std::move(inbox)),
        half_(std::max<std::uint64_t>(1, static_cast<std::uint64_t>(settings.window) / 2)),
        unasked_(settings.target.messages) {}

  natsStatus Begin() {
    const natsStatus status = Ask();
    return status == NATS_OK ? Ask() : status;
  }
  natsStatus Received(std::uint64_t messages) { return messages % half_ == 0 ? Ask() : NATS_OK; }

 private:
  natsStatus Ask() {
    const std::uint64_t batch = std::min(half_, unasked_);
    if (batch == 0) return NATS_OK;
    unasked_ -= batch;
    const auto request = absl::StrFormat(R"({"batch":%d,"expires":30000000000})", batch);
    return natsConnection_PublishRequest(connection_, subject_.c_str(), inbox_.c_str(), request.data(),
                                         static_cast<int>(request.size()));
  }

  natsConnection* connection_;
  std::string subject_;
  std::string inbox_;
  std::uint64_t half_;
  std::uint64_t unasked_;
};

Consumption::Answer AnswerOf(const Settings& settings, natsConnection* connection, PullFlowControl& credit) {
  switch (settings.mode) {
    case Mode::kSubscribe:
      return [](natsMsg* message, std::uint64_t) { return natsMsg_Ack(message, nullptr); };
    case Mode::kInbox:
      return [connection](natsMsg* message, std::uint64_t) { return PublishAck(connection, message); };
    case Mode::kCumulative:
      return [connection, messages = settings.target.messages](natsMsg* message, std::uint64_t count) {
        const bool due = count % kAckEvery == 0 || count == messages;
        return due ? PublishAck(connection, message) : NATS_OK;
      };
    case Mode::kNonePush:
      return [](natsMsg*, std::uint64_t) { return NATS_OK; };
    case Mode::kNonePull:
      return [&credit](natsMsg*, std::uint64_t count) { return credit.Received(count); };
  }
  return {};
}

jsConsumerConfig ConsumerOf(const Settings& settings, const std::string& inbox) {
  jsConsumerConfig config;
  jsConsumerConfig_Init(&config);
  config.Durable = settings.target.durable.c_str();
  config.FilterSubject = settings.target.subject.c_str();
  const bool none = settings.mode == Mode::kNonePush || settings.mode == Mode::kNonePull;
  config.AckPolicy = none ? js_AckNone : settings.mode == Mode::kCumulative ? js_AckAll : js_AckExplicit;
  if (!none) config.MaxAckPending = settings.window;
  // js_Subscribe names the inbox itself.
  if (settings.mode != Mode::kSubscribe && settings.mode != Mode::kNonePull) config.DeliverSubject = inbox.c_str();
  return config;
}

absl::StatusOr<std::unique_ptr<Subscription>> Subscribe(const Session& session, const Settings& settings,
                                                        const std::string& inbox, Consumption& consumption) {
  const Target& target = settings.target;
  auto handler = [&consumption](natsSubscription*, MessageHandle message) { consumption.Take(message); };
  jsConsumerConfig config = ConsumerOf(settings, inbox);
  if (settings.mode == Mode::kSubscribe) {
    if (auto status = session.DeleteConsumer(target.stream, target.durable); !status.ok()) return status;
    return Subscription::Push(session, target, config, std::move(handler));
  }
  auto subscription = Subscription::Core(session, inbox, std::move(handler));
  if (!subscription.ok()) return subscription;
  if (auto status = session.ReplaceConsumer(target.stream, config); !status.ok()) return status;
  return subscription;
}

absl::StatusOr<Result> Consume(const Settings& settings) {
  const Target& target = settings.target;
  const auto session = Session::Connect(target);
  if (!session.ok()) return session.status();
  const std::string inbox = UniqueInbox();
  PullFlowControl credit(**session, settings, inbox);
  Consumption consumption(target.messages, AnswerOf(settings, (*session)->connection(), credit));
  const auto subscription = Subscribe(**session, settings, inbox, consumption);
  if (!subscription.ok()) return subscription.status();
  if (settings.mode == Mode::kNonePull) {
    if (auto status = Check(credit.Begin(), "ask for messages"); !status.ok()) return status;
  }
  const auto begun = consumption.Await();
  if (!begun.ok()) return begun.status();
  if (auto status = (*session)->Flush(); !status.ok()) return status;
  const auto ended = Clock::now();
  if (auto status = (*session)->AwaitAllAcked(target.stream, target.durable); !status.ok()) return status;
  if (auto status = (*session)->DeleteConsumer(target.stream, target.durable); !status.ok()) return status;
  return Result{.messages = target.messages, .elapsed = ended - *begun};
}

}  // namespace
}  // namespace penstock::benchmarks

int main(int argc, char** argv) {
  using penstock::benchmarks::Mode;
  CLI::App app("consumes a filled stream with nats.c", "raw_consume");
  penstock::benchmarks::Settings settings;
  penstock::benchmarks::AddTargetOptions(app, settings.target);
  const std::map<std::string, Mode> modes = {{"subscribe", Mode::kSubscribe},
                                             {"inbox", Mode::kInbox},
                                             {"cumulative", Mode::kCumulative},
                                             {"none-push", Mode::kNonePush},
                                             {"none-pull", Mode::kNonePull}};
  std::string mode = "subscribe";
  app.add_option("--mode", mode, "how")->check(CLI::IsMember(modes));
  app.add_option("--window", settings.window, "messages under way")
      ->check(CLI::Range(std::int64_t{2}, std::int64_t{1} << 20));
  return penstock::benchmarks::RunProgram(app, argc, argv, [&] {
    settings.mode = modes.at(mode);
    return penstock::benchmarks::Consume(settings);
  });
}
