// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jetstream/consume/ack_floor_tracker.h"
#include "jetstream/consume/consumer_session.h"
#include "jetstream/consume/gap_detector.h"
#include "jetstream/consume/outstanding_deliveries.h"
#include "jetstream/consume/recovered_ack_state.h"

namespace penstock::eventbus::jetstream {

/// The exclusive consumer: a durable push consumer that delivers to an inbox of ours, a fresh one for every
/// synchronisation.
///
/// The server refuses the consumer to anyone else while somebody listens on its inbox, and redelivers all that is
/// pending, in stream order and before anything new, when the inbox changes. So a start, a take-over, a reconnect, a
/// gap and a silence are the same thing: take a new inbox. Thread safety and the rest as `ConsumerSession`.
///
/// Ownership is proven by pings: while the connection lives, our inbox is listened to and nobody else is let in. Each
/// answer is good for `kLease` from the time the ping was sent, and who stands by waits for longer than that after it
/// first saw the consumer without a listener, unless its owner released it. So nobody begins to handle while another
/// may, whatever stopped a process or its connection, and without any clock being compared.
class PushConsumer final : public ConsumerSession {
 public:
  PushConsumer(Connection& connection, ConsumerSpec spec, ConsumerEvents events, LogSink log)
      : ConsumerSession(connection, std::move(spec), std::move(events), std::move(log)), window_(spec_.max_in_flight) {}
  ~PushConsumer() override { Stop(); }

  /// Does nothing: MaxAckPending is the credit, and ack returns it.
  void AddCredit(std::size_t /*count*/) override {}
  void SetWindow(std::size_t max_in_flight) override;
  bool MayHandle(Clock::time_point now) const override;

 private:
  absl::StatusOr<Outcome> Synchronise(const std::shared_ptr<Link>& link) override;
  void OnMessage(MessageHandle message, bool more) override;
  void OnTick(const std::shared_ptr<Link>& link, Clock::time_point now) override;
  Clock::duration Tick() const override;
  Clock::duration LongestSilence() const override;
  Clock::duration StandByPause() override;
  bool AnswersEach(AckType type) const override;
  void OnWithdraw() override;
  void OnRelease() override;
  void OnArrivals(const std::vector<std::unique_ptr<StoredMessage>>& messages) override;
  absl::Status OnAcknowledged(Link& link, std::span<const std::uint64_t> sequences) override;

  absl::StatusOr<Outcome> TakeOver(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> TakeBack(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> MakeAgain(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  bool MayTakeFromAnother(const ConsumerFacts& facts);
  Json Wanted(const std::string& subject, const StartPoint& start) const;
  void Renew(Clock::time_point proven);
  void ProveAnew(const std::shared_ptr<Link>& link, Clock::time_point now);
  Clock::time_point lease_until() const {
    return Clock::time_point(Clock::duration(lease_until_.load(std::memory_order_relaxed)));
  }
  void AcknowledgeDue(Link& link);
  void ApplyWindow();
  void TellOwnershipLost() const;
  void Tell(const RecoveredAckState::Ranges& settled) const;
  bool PutIfThere(const Json& config, const std::stop_token& stop);
  absl::StatusOr<Outcome> Make(const std::shared_ptr<Link>& link);
  absl::StatusOr<Outcome> AfterRefusal(const absl::Status& refusal);
  std::vector<std::uint64_t> MayBePending(const ConsumerFacts& facts) const;
  absl::Status AskForPending(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> Rebind(const std::shared_ptr<Link>& link, const ConsumerFacts& facts, bool made);
  absl::StatusOr<Outcome> Bind(const std::shared_ptr<Link>& link, const Json& config, const std::string& subject,
                               bool made);
  absl::StatusOr<StartPoint> WhereToBegin();
  void OnStatus(MessageHandle message);
  void LoseTrack(const char* why);

  OutstandingDeliveries outstanding_;
  AckFloorTracker cumulative_;                // used when the consumer acknowledges so
  std::atomic<std::int64_t> lease_until_{0};  // relaxed: a time; what it guards is the server's, not memory
  std::atomic<std::size_t> window_;           // relaxed: a number by itself
  // Of the session's thread.
  Json bound_config_{};                                       // as the server has it since the last synchronisation
  std::size_t applied_window_ = 0;                            // its `max_ack_pending`
  bool ownership_lost_ = false;                               // another's inbox was seen, and the owner told
  std::string vacant_subject_{};                              // another's inbox that nobody listens on
  std::optional<Clock::time_point> vacant_since_{};           // when we first saw that
  std::optional<Clock::time_point> refused_our_own_since_{};  // the server believes in an inbox that we have left
  // Of the inbox's thread; set anew while no inbox is open.
  GapDetector gaps_{};
  RecoveredAckState recovered_ack_state_{};
  bool lost_track_ = false;
};

}  // namespace penstock::eventbus::jetstream
