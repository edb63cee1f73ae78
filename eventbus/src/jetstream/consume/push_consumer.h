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
#include "jetstream/lease/fence_issuer.h"
#include "jetstream/lease/session_lease.h"
#include "jetstream/ownership/claim_contest.h"
#include "jetstream/ownership/ownership.h"
#include "jetstream/recovery/ack_audit.h"
#include "jetstream/recovery/awaited_redeliveries.h"
#include "jetstream/recovery/gap_detector.h"
#include "jetstream/recovery/outstanding_deliveries.h"
#include "jetstream/recovery/recent_acks.h"
#include "jetstream/recovery/recovery_barrier.h"
#include "jetstream/recovery/settled_runs.h"

namespace penstock::eventbus::jetstream {

/// The exclusive consumer: a durable push consumer that delivers to an inbox of ours, a fresh one for every
/// synchronisation.
///
/// The server redelivers all that is pending, before anything new, when the inbox changes. So a start, a take-over, a
/// reconnect, a gap and a silence are the same thing: acknowledge again what may not have been noted, take a new inbox,
/// and hand on what comes again in stream order (`RecoveryBarrier`). Who may do so, and when, `Ownership` decides.
/// Thread safety and the rest as `ConsumerSession`.
class PushConsumer final : public ConsumerSession {
 public:
  /// `lease` and `fences` must outlive it.
  PushConsumer(Connection& connection, SessionLease& lease, FenceIssuer& fences, ConsumerSpec spec,
               ConsumerEvents events, LogSink log);
  ~PushConsumer() override;

  /// Does nothing: MaxAckPending is the credit, and ack returns it.
  void AddCredit(std::size_t /*count*/) override {}
  void SetWindow(std::size_t max_in_flight) override;
  bool MayHandle(Clock::time_point now) const override;

 private:
  absl::StatusOr<Outcome> Synchronise(const std::shared_ptr<Link>& link) override;
  void OnMessage(MessageHandle message, bool more) override;
  void OnTick(const std::shared_ptr<Link>& link, Clock::time_point now) override;
  Clock::duration Tick() const override;
  Clock::duration LongestSilence() const override { return ownership_time::kSilence; }
  Clock::duration StandByPause() override;
  bool AnswersEach(AckType type) const override;
  std::optional<Json> Expected() const override;
  std::optional<std::uint64_t> LowestInHand() const override;
  void OnWithdraw() override;
  void OnRelease() override;
  void OnStreamMadeAgain(std::uint64_t kept_up_to) override {
    outstanding_.EndAt(kept_up_to);
    recent_acks_.Clear(epoch());
    awaited_.Clear();
    runs_.EndAt(kept_up_to);
    learned_.clear();
  }
  void OnDropped(const std::vector<std::unique_ptr<StoredMessage>>& messages) override;
  bool caught_up() const override { return catches_up_to_.load(std::memory_order_relaxed) == 0; }
  void OnArrivals(const std::vector<std::unique_ptr<StoredMessage>>& messages) override;
  void OnSettled(std::span<const std::uint64_t> sequences, std::uint64_t epoch) override;
  void OnAskedFor(std::uint64_t sequence) override { awaited_.Asked(sequence); }
  absl::Status OnAcknowledged(Link& link, std::span<const std::uint64_t> sequences) override;

  /// Only a session can carry it.
  bool leaves_word() const { return session_.load(std::memory_order_relaxed) != 0; }
  void ReportSettled();
  absl::Status LearnSettled(const ConsumerFacts& facts);
  absl::Status AwaitMark(const StreamMarks::Mark& mark);
  void TellLearned();
  Ownership::Step Decide(const std::optional<ConsumerFacts>& facts);
  absl::Status NoteFloor(const ConsumerFacts& facts);
  Outcome StandBy(const ConsumerFacts& facts);
  /// How the consumer may be had now.
  enum class Taking { kNot, kBind, kEvict };
  absl::StatusOr<Taking> MayTake(const Link& link, Ownership::Step step, const std::string& listener);
  absl::StatusOr<Taking> AskQuorum(bool wants, const std::string& listener, Clock::time_point now);
  absl::StatusOr<Outcome> Evict(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  bool AsksQuorum();
  void YieldIfSilent(Clock::time_point now);
  absl::StatusOr<Outcome> Make(const std::shared_ptr<Link>& link);
  absl::StatusOr<Outcome> MakeAgain(const std::shared_ptr<Link>& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> AfterRefusal(const absl::Status& refusal);
  absl::StatusOr<StartPoint> WhereToBegin();
  absl::StatusOr<Outcome> Rebind(const std::shared_ptr<Link>& link, const ConsumerFacts& facts, bool made);
  absl::Status AcknowledgeAgain(Link& link, const ConsumerFacts& facts);
  absl::Status AskForPending(Link& link, const ConsumerFacts& facts);
  absl::StatusOr<Outcome> Bind(const std::shared_ptr<Link>& link, const ConsumerFacts& facts,
                               const std::string& subject, bool made);
  absl::Status Begin(const ConsumerFacts& bound, Clock::time_point asked, bool made, std::uint64_t fence);
  std::uint64_t TakeFence(const Link& link);
  bool IssueFence(std::chrono::milliseconds budget);
  void RetryFence(Clock::time_point now);
  Json Named(Json config) const;
  bool Ours(const ConsumerFacts& facts) const;
  bool IsBoundHere(const ConsumerFacts& facts) const;
  Json Wanted(const std::string& subject, const StartPoint& start) const;
  absl::Status PutAdjusted(const Json& existing, const std::string& subject);

  void AgeAcks(Clock::time_point now);
  void Prove(const std::shared_ptr<Link>& link, Clock::time_point now);
  void ProveAnew(const std::shared_ptr<Link>& link, Clock::time_point now);
  void Audit(Clock::time_point now);
  bool Recovering(Clock::time_point now);
  void AcknowledgeDue(Link& link);
  void ApplyWindow();
  bool PutIfThere(const Json& config, const std::stop_token& stop);
  Clock::time_point proven() const { return TimeIn(proven_); }
  void TellNews();
  void Tell(const RecoveryBarrier::Ranges& settled) const;

  void OnDelivery(MessageHandle message, const AckSubject& ack, bool more);
  void ReleaseHeld();
  void OnStatus(MessageHandle message);
  void AnswerFlowControl(const StatusMessage& status);
  void LoseTrack(const char* why);

  static std::int64_t Stamp(Clock::time_point time) { return time.time_since_epoch().count(); }
  static Clock::time_point TimeIn(const std::atomic<std::int64_t>& time) {
    return Clock::time_point(Clock::duration(time.load(std::memory_order_relaxed)));
  }

  SessionLease& lease_;
  FenceIssuer& fences_;
  const std::string claim_name_;
  OutstandingDeliveries outstanding_;
  AwaitedRedeliveries awaited_;
  RecentAcks recent_acks_;
  SettledRuns runs_;
  AckFloorTracker cumulative_;                  // used when the consumer acknowledges so
  std::atomic<std::int64_t> proven_{0};         // relaxed: when the last proof of ownership was sent
  std::atomic<std::int64_t> last_delivery_{0};  // relaxed: a time, compared with seconds of slack
  std::atomic<std::uint64_t> session_{0};       // relaxed: of the claim; 0: none is needed
  // Relaxed: was acknowledged, and the server knows of no delivery of it any more; 0: none.
  std::atomic<std::uint64_t> catches_up_to_{0};
  std::atomic<bool> spoke_{true};        // relaxed: the server did, since the last inbox was bound
  std::atomic<std::size_t> window_;      // relaxed: a number by itself
  std::atomic<bool> recovering_{false};  // relaxed: the barrier is up
  std::atomic<bool> insisting_{true};    // relaxed: since the last synchronisation
  std::atomic<bool> insists_{true};      // relaxed: on all that is pending, at the next synchronisation
  // Of the session's thread.
  Ownership ownership_{};
  ClaimContest contest_{};
  std::optional<ClaimWin> claim_{};
  std::uint64_t learned_of_ = 0;                    // the revision of the claim whose reports were read
  RecoveryBarrier::Ranges learned_{};               // from them, and not told yet
  std::optional<Clock::time_point> lags_since_{};   // the stream, behind what an owner before was sent
  bool fences_opened_ = false;                      // was tried, while another owns the consumer
  std::uint64_t issued_fence_ = 0;                  // last, by `fences_`
  std::string fence_trouble_{};                     // logged once
  Clock::time_point fence_due_{};                   // when to try again; the maximum: with the next link
  std::uint64_t fence_link_ = 0;                    // the generation of the link of which that was said
  ConsumerIdentity floor_of_{};                     // the consumer whose floor was noted last
  bool without_quorum_ = false;                     // since it cannot be had; told once
  std::uint64_t asked_on_ = 0;                      // the generation of the link on which a quorum was asked for last
  std::string evicting_{};                          // the inbox of an owner whose session was ended here
  std::optional<Clock::time_point> tries_since_{};  // to bind the consumer with a claim
  Clock::time_point bound_at_{};                    // the last inbox
  Clock::time_point asked_at_{};                    // the quorum, while another listens
  Clock::time_point yields_until_{};                // to others that are better connected
  Json bound_config_{};                             // as the server has it since the last synchronisation
  std::size_t applied_window_ = 0;                  // its `max_ack_pending`
  AckAudit audit_{};
  Clock::time_point aged_{};  // when `recent_acks_` was
  // Of the inbox's thread; set anew while no inbox is open.
  struct Held {
    MessageHandle message{};
    std::uint64_t sequence = 0;
  };
  GapDetector gaps_{};
  RecoveryBarrier barrier_{};
  std::vector<Held> held_{};  // by the barrier
  bool learns_ = false;       // what earlier owners had settled
  bool lost_track_ = false;
};

}  // namespace penstock::eventbus::jetstream
