// SPDX-License-Identifier: Apache-2.0
#include "scenarios/stream_trial.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "support/eventually.h"

namespace penstock::testing {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kSoon{20};
constexpr std::size_t kEvents = 6;
constexpr char kDurable[] = "trial";

std::string PayloadOf(std::size_t event) { return (event % 2 == 0 ? "good " : "bad ") + std::to_string(event); }

json With(json config, const json& settings) {
  for (const auto& [name, value] : settings.items()) {
    if (value.is_null()) {
      config.erase(name);
    } else {
      config[name] = value;
    }
  }
  return config;
}

}  // namespace

/// The events as the handler saw them. Thread-safe.
class StreamTrial::Events {
 public:
  Outcome Handle(const std::string& payload) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (rejects_ && payload.starts_with("bad")) {
      rejected_.insert(payload);
      return Reject("as asked");
    }
    if (!handled_.insert(payload).second) ++twice_;
    return Ack();
  }
  void Accept() {
    std::lock_guard<std::mutex> lock(mutex_);
    rejects_ = false;
  }
  std::size_t handled() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return handled_.size();
  }
  std::size_t rejected() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return rejected_.size();
  }
  std::size_t twice() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return twice_;
  }

 private:
  mutable std::mutex mutex_;
  bool rejects_ = true;
  std::set<std::string> handled_;
  std::set<std::string> rejected_;
  std::size_t twice_ = 0;
};

absl::Status StreamTrial::Ask(const std::string& subject, const json& request) {
  const auto answer = raw_.Request(subject, request.dump());
  if (!answer.ok()) return answer.status();
  const json reply = json::parse(answer->body, nullptr, false);
  if (reply.is_discarded()) return absl::InternalError(answer->headers);
  if (!reply.contains("error")) return absl::OkStatus();
  return absl::FailedPreconditionError(reply["error"].value("description", ""));
}

absl::Status StreamTrial::MakeStream(json config, const json& settings) {
  config = With(std::move(config), settings);
  return Ask(absl::StrCat("$JS.API.STREAM.CREATE.", config["name"].get<std::string>()), config);
}

absl::Status StreamTrial::MakeTopicStream(const json& settings) {
  return MakeStream({{"name", topic_stream()}, {"subjects", {kTrialTopic}}, {"duplicate_window", 120'000'000'000}},
                    settings);
}

absl::Status StreamTrial::MakeLetterStream(const json& settings) {
  const std::string subject = letter_stream() + ".>";
  return MakeStream({{"name", letter_stream()}, {"subjects", {subject}}, {"duplicate_window", 120'000'000'000}},
                    settings);
}

absl::Status StreamTrial::MakeConsumer(Sharing sharing, const json& settings) {
  json config = {{"durable_name", kDurable},
                 {"ack_policy", "explicit"},
                 {"ack_wait", 30'000'000'000},
                 {"filter_subject", kTrialTopic}};
  if (sharing == Sharing::kExclusive) {
    config["deliver_subject"] = "made.ahead";
    config["idle_heartbeat"] = 1'000'000'000;
  }
  return Ask(absl::StrCat("$JS.API.CONSUMER.DURABLE.CREATE.", topic_stream(), ".", kDurable),
             {{"stream_name", topic_stream()}, {"config", With(config, settings)}});
}

absl::Status StreamTrial::UpdateStream(const std::string& name, const json& settings) {
  return Ask("$JS.API.STREAM.UPDATE." + name, With(StreamInfo(name)["config"], settings));
}

json StreamTrial::StreamInfo(const std::string& name) {
  const auto answer = raw_.Request("$JS.API.STREAM.INFO." + name, "");
  return answer.ok() ? json::parse(answer->body, nullptr, false) : json();
}

void StreamTrial::Publish(EventBus& bus, TrialResult& result) const {
  for (std::size_t i = 0; i < kEvents; ++i) {
    const std::string key = "k" + std::to_string(i / 2);
    const auto ack =
        bus.PublishEnvelope(kTrialTopic, {.aggregate_id = key, .event_type = "Tested", .payload = PayloadOf(i)});
    if (ack.ok()) ++result.stored;
    if (!ack.ok() && result.published.ok()) result.published = ack.status();
  }
}

void StreamTrial::Redrive(EventBus& bus, Events& events, TrialResult& result) const {
  const auto listed = bus.dead_letters().List();
  result.letters = listed.ok() ? listed->letters.size() : 0;
  events.Accept();
  if (result.letters == 0) return;
  const auto report = bus.dead_letters().Redrive({.topic = kTrialTopic});
  result.redrive = report.ok() ? report->first_error : report.status();
  if (!result.redrive.ok()) return;
  Eventually([&] { return events.handled() == result.stored; }, kSoon);
  Eventually(
      [&] {
        const auto left = bus.Stats().subscriptions.front();
        return left.in_flight == 0;
      },
      kSoon);
  result.redriven = events.handled() - (result.stored - result.rejected);
}

TrialResult StreamTrial::Run(BusOptions options, Sharing sharing) {
  TrialResult result;
  std::mutex mutex;
  options.base_stream_name = base_;
  options.publish_timeout = std::chrono::seconds(5);
  options.log = [&](LogLevel level, std::string_view line) {
    if (level != LogLevel::kWarning && level != LogLevel::kError) return;
    if (line.find(": dead letter: ") != line.npos) return;  // as asked
    std::lock_guard<std::mutex> lock(mutex);
    result.warnings.emplace_back(line);
  };
  auto bus = EventBus::Connect(std::move(options));
  if (!bus.ok()) {
    result.subscribed = bus.status();
    return result;
  }
  Events events;
  result.subscribed = (*bus)
                          ->SubscribeEnvelope(kTrialTopic, {.durable = kDurable, .sharing = sharing},
                                              [&events](const Envelope& envelope, const Delivery&) {
                                                return events.Handle(envelope.payload);
                                              })
                          .status();
  Publish(**bus, result);
  if (result.subscribed.ok() && result.stored > 0) {
    Eventually(
        [&] {
          const auto now = (*bus)->Stats().subscriptions.front();
          return now.acked + now.terminated == result.stored;
        },
        kSoon);
    result.rejected = events.rejected();
    Redrive(**bus, events, result);
  }
  result.stats = (*bus)->Stats();
  result.drained = (*bus)->Drain(std::chrono::seconds(10)).status;
  bus->reset();
  result.handled = events.handled();
  result.handled_twice = events.twice();
  return result;
}

}  // namespace penstock::testing
