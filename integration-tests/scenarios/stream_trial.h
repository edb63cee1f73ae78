// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "penstock/eventbus/event_bus.h"
#include "support/raw_nats.h"

namespace penstock::testing {

inline constexpr char kTrialTopic[] = "orders.created";

/// The fate of the events of one trial.
struct TrialResult {
  absl::Status subscribed{};      ///< by `SubscribeEnvelope`
  absl::Status published{};       ///< the first error of a publish
  std::size_t stored = 0;         ///< publishes with a PubAck
  std::size_t rejected = 0;       ///< events that the handler rejected
  std::size_t letters = 0;        ///< listed before they are redriven
  std::size_t redriven = 0;       ///< redriven and handled
  std::size_t handled = 0;        ///< different events handled in the end
  std::size_t handled_twice = 0;  ///< handler calls for events that were handled before
  absl::Status redrive{};         ///< its first error
  absl::Status drained{};
  std::vector<std::string> warnings{};  ///< log lines
  BusStats stats{};
};

/// Makes streams and a consumer ahead, as an operator would, then publishes, consumes, rejects and redrives on them.
///
/// **Thread safety:** thread-confined. **Blocking:** `Run` up to a minute.
class StreamTrial {
 public:
  explicit StreamTrial(RawNats& raw, std::string base = "TRIAL") : raw_(raw), base_(std::move(base)) {}

  /// Makes the topic's stream with these settings over those of a plain file stream. The server's refusal, if any.
  absl::Status MakeTopicStream(const nlohmann::json& settings);
  /// The same for the dead letters.
  absl::Status MakeLetterStream(const nlohmann::json& settings);
  /// Any stream. A setting of null leaves it out.
  absl::Status MakeStream(nlohmann::json config, const nlohmann::json& settings);
  /// Makes the durable of the trial on the topic's stream, with these settings over those of a plain one.
  absl::Status MakeConsumer(Sharing sharing, const nlohmann::json& settings);
  /// Changes a stream that is there.
  absl::Status UpdateStream(const std::string& name, const nlohmann::json& settings);
  nlohmann::json StreamInfo(const std::string& name);

  std::string topic_stream() const { return StreamName(base_, kTrialTopic); }
  std::string letter_stream() const { return DeadLetterStreamName(base_); }

  /// Six events of three keys, of which every second one is rejected until its letter was stored.
  TrialResult Run(BusOptions options, Sharing sharing = Sharing::kExclusive);

 private:
  class Events;

  absl::Status Ask(const std::string& subject, const nlohmann::json& request);
  void Publish(EventBus& bus, TrialResult& result) const;
  void Redrive(EventBus& bus, Events& events, TrialResult& result) const;

  RawNats& raw_;
  const std::string base_;
};

}  // namespace penstock::testing
