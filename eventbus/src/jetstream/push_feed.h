// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "jetstream/sequence_track.h"
#include "jetstream/synchronised_feed.h"
#include "jetstream/unsettled.h"

namespace penstock::eventbus::jetstream {

/// The exclusive feed: a durable push consumer that delivers to an inbox of ours, a fresh one for every
/// synchronisation.
///
/// The server refuses the consumer to anyone else while somebody listens on its inbox, and redelivers all that is
/// pending, in stream order and before anything new, when the inbox changes. So a start, a take-over, a reconnect, a
/// gap and a silence are the same thing: take a new inbox. Thread safety and the rest as `SynchronisedFeed`.
class PushFeed final : public SynchronisedFeed {
 public:
  PushFeed(Connection& connection, FeedSpec spec, FeedEvents events, LogSink log, std::string inbox_prefix);
  ~PushFeed() override { Stop(); }

  /// Does nothing: MaxAckPending is the credit, and settling returns it.
  void Grant(std::size_t /*count*/) override {}

 private:
  absl::StatusOr<Outcome> Synchronise(const std::shared_ptr<Link>& link) override;
  void OnMessage(MessageHandle message, bool more) override;
  Clock::duration LongestSilence() const override;
  void OnSettled(const NatsMessage& message) override { unsettled_.Settled(message.stream_sequence()); }

  absl::StatusOr<Outcome> TakeOver(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> Make(const std::shared_ptr<Link>& link);
  absl::StatusOr<Outcome> Bind(const std::shared_ptr<Link>& link, const Json& config, const std::string& subject,
                               bool made);
  absl::StatusOr<StartPoint> WhereToBegin();
  void OnStatus(MessageHandle message);
  void LoseTrack(const char* why);
  std::string NextSubject();

  const std::string inbox_prefix_;
  Unsettled unsettled_;
  // Of the feed's thread.
  std::uint64_t inboxes_ = 0;
  // Of the inbox's thread; set anew while no inbox is open.
  SequenceTrack track_{};
  bool lost_track_ = false;
};

}  // namespace penstock::eventbus::jetstream
