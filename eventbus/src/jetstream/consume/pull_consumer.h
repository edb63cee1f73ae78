// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "jetstream/consume/consumer_session.h"
#include "jetstream/consume/pull_flow_control.h"
#include "jetstream/recovery/stream_marks.h"

namespace penstock::eventbus::jetstream {

/// The shared and the at-most-once consumer: asks the server for as many messages as there is credit for, in requests
/// that overlap. A consumer without a durable name gets one of its own, which goes with the session. Thread safety and
/// the rest as `ConsumerSession`.
class PullConsumer final : public ConsumerSession {
 public:
  PullConsumer(Connection& connection, ConsumerSpec spec, ConsumerEvents events, LogSink log);
  ~PullConsumer() override { Stop(); }

  void AddCredit(std::size_t count) override;
  void SetWindow(std::size_t /*max_in_flight*/) override {}
  bool MayHandle(Clock::time_point /*now*/) const override { return true; }
  void StopArrivals() override { Stop(); }

 private:
  absl::StatusOr<Outcome> Synchronise(const std::shared_ptr<Link>& link) override;
  void OnMessage(MessageHandle message, bool more) override;
  void OnTick(const std::shared_ptr<Link>& link, Clock::time_point now) override;
  std::optional<Json> Expected() const override { return Wanted(); }
  Clock::duration LongestSilence() const override;
  void OnStreamMadeAgain(std::uint64_t kept_up_to) override {
    NoteSettled(std::min(settled(), kept_up_to));
    stream_is_new_ = kept_up_to == 0;
  }
  void OnStopped() override;

  Json Wanted() const;
  StartPoint WhereToBegin() const;
  absl::StatusOr<ConsumerFacts> EnsureConsumer(bool& made);
  absl::Status LookWhetherNew();
  absl::StatusOr<ConsumerFacts> Fit(ConsumerFacts facts);
  absl::StatusOr<ConsumerFacts> Put(const Json& config);
  void HandOn();
  void OnStatus(std::string_view subject, const StatusMessage& status);
  void Ask(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;
  const std::string next_subject_;
  std::optional<StreamMarks::Mark> last_{};  // delivered; of the inbox's thread, read while no inbox is open
  bool stream_is_new_ = false;  // of the session's thread: all that it has was stored since the session began

  mutable Mutex mutex_;
  std::shared_ptr<Link> link_ ABSL_GUARDED_BY(mutex_);  // null until synchronised
  std::string reply_prefix_ ABSL_GUARDED_BY(mutex_);
  PullFlowControl credit_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point ask_from_ ABSL_GUARDED_BY(mutex_){};
  std::chrono::milliseconds backoff_ ABSL_GUARDED_BY(mutex_){0};
};

}  // namespace penstock::eventbus::jetstream
