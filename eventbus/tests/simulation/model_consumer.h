// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "jetstream/consume/pull_flow_control.h"
#include "jetstream/ownership/ownership.h"
#include "jetstream/recovery/ack_audit.h"
#include "jetstream/recovery/awaited_redeliveries.h"
#include "jetstream/recovery/outstanding_deliveries.h"
#include "jetstream/recovery/recent_acks.h"
#include "jetstream/recovery/recovery_barrier.h"
#include "jetstream/recovery/settled_runs.h"
#include "jetstream/recovery/stream_lineage.h"
#include "simulation/model_lease.h"
#include "simulation/network.h"
#include "transport/transport.h"

namespace penstock::eventbus::simulation {

/// A consumer as `PushConsumer` and `PullConsumer` are, on the model network: a new inbox for each synchronisation,
/// answers that are lost with their connection, acknowledgements that end with their consumer. What is decided about
/// ownership and recovery is decided by the product's own classes.
///
/// Thread-compatible. The network and event_queue must outlive it.
class ModelConsumer {
 public:
  struct Events {
    std::function<void(const std::vector<ModelMessage::Facts>& messages)> on_messages{};
    std::function<void()> on_stream_recreated{};
    std::function<void(std::uint64_t first, std::uint64_t last)> on_ack_state_recovered{};
    std::function<void()> on_ownership_lost{};
    std::function<void(std::uint64_t last)> on_settled_elsewhere{};
    std::function<void()> on_consumer_recreated{};
  };

  ModelConsumer(const Scenario& scenario, EventQueue& event_queue, Random random, Network& network, Ledger& ledger,
                Trace& trace, int process, Events events);

  /// Takes a new inbox, as soon as it can be had.
  void Synchronise(std::chrono::microseconds after);

  /// Some times a second.
  void Tick();

  void AddCredit(std::size_t count);
  void SetWindow(std::size_t window);
  void Acknowledge(const StoredMessage& message, AckType type);
  bool MayHandle() const;
  void StopArrivals() { arriving_ = false; }
  /// No handler begins here any more.
  void StopHandling() { handling_ = false; }
  /// The consumer is given up in order, after what was sent.
  void Release();
  void Stop();

  void Receive(std::size_t link, const std::vector<ModelMessage::Facts>& messages, bool gap);
  void Heartbeat(std::size_t link, bool gap);

  // Faults.
  void Cut();                                    ///< the connection breaks, and it shows
  void CutOnceMore() { cut_once_more_ = true; }  ///< as soon as it is synchronised again
  void FallSilent();                             ///< the connection is dead, which shows later
  void LoseOne() { lose_ = true; }               ///< the next message is lost, which shows with the one after it
  void Disturbed();                              ///< messages and answers may not go through for a while

  /// Whether an answer to it can mean something to the server: it has come on this inbox, or it would.
  bool MayAnswer(std::uint64_t sequence) const { return arriving_ || came_.contains(sequence); }
  bool flowing() const { return flowing_; }
  TimePoint receives_since() const { return flowing_ ? flows_since_ : TimePoint::max(); }
  bool handling() const { return handling_; }
  /// Since when messages and answers go through undisturbed; the maximum when they do not.
  TimePoint undisturbed_since() const { return undisturbed_since_; }
  /// Of a clustered durable, proven by a quorum.
  bool HoldsClaim() const { return claim_ != 0 && lease_.Holds(claim_, event_queue_.now()); }

  // For the checkers.
  /// The fencing token of what arrives.
  std::uint64_t fence() const { return fence_; }
  /// Whether the server was told once more of an acknowledgement of that time.
  bool HasTold(std::uint64_t sequence, TimePoint acked_at) const;
  /// Up to where the consumer was settled when this process last looked.
  std::uint64_t floor_told(std::uint64_t stream_generation) const {
    return floor_generation_ == stream_generation ? floor_told_ : 0;
  }
  /// An owner before it has said that the message is settled, or it has settled it itself.
  bool KnowsSettled(std::uint64_t sequence) const { return runs_.FirstUnsettledFrom(sequence) != sequence; }
  /// It has seen the consumer.
  bool knows() const { return floor_generation_ != 0; }

 private:
  using Sight = Network::Sight;

  void TrySimply(std::uint64_t attempt);
  void FlowSimply(bool made);
  std::uint64_t WhereToBeginSimply() const;

  void Try(std::uint64_t attempt);
  void LookAgain(std::chrono::microseconds after);
  void Looked(const Sight& sight);
  void Claim(const Sight& sight, jetstream::Ownership::Step step);
  void LearnSettled(const Sight& sight, const std::vector<std::string>& reports);
  void ReportSettled();
  void Decided(const Sight& sight, bool may_take);
  void AcknowledgeAgain(const Sight& sight);
  void StandBy(const Sight& sight);
  bool LookAtStream(const Sight& sight);
  void Make(const Sight& sight);
  void AskForPending(const Sight& sight, bool made);
  void Bind(bool made);
  void Refused();
  void MakeAgain();
  void Bound(const Sight& sight, TimePoint asked, bool made);
  void NoteConsumer(const Sight& sight, bool made);
  std::function<void()> IfCurrent(std::function<void()> what);

  void AgeAcks();
  void Prove();
  void ProveAnew();
  void Audit();
  bool Recovering();
  void LoseTrack();
  void OnDelivery(const ModelMessage::Facts& facts, std::vector<ModelMessage::Facts>& passed);
  void Withdraw();
  void Ask();
  void TellNews();

  const Scenario& scenario_;
  EventQueue& event_queue_;
  Random random_;
  Network& network_;
  Ledger& ledger_;
  Trace& trace_;
  const Events events_;
  const std::size_t server_;  // that it is connected to

  jetstream::PullFlowControl credit_;
  jetstream::OutstandingDeliveries outstanding_{};
  jetstream::AwaitedRedeliveries awaited_{};
  jetstream::RecentAcks recent_acks_{};
  jetstream::SettledRuns runs_{};
  std::vector<jetstream::SettledRuns::Run> learned_{};  // and not told yet
  std::uint64_t learned_in_ = 0;                        // the session whose claim was read
  jetstream::Ownership ownership_{};
  jetstream::RecoveryBarrier barrier_{};
  jetstream::StreamLineage lineage_{};
  jetstream::AckAudit audit_{};
  ModelLease lease_;
  std::vector<ModelMessage::Facts> held_{};  // by the barrier
  bool insists_ = true;
  std::uint64_t claim_ = 0;  // the session that it was won in; 0: none
  std::uint64_t claim_revision_ = 0;
  std::uint64_t fence_ = 0, issued_fence_ = 0;

  struct Early {
    std::vector<ModelMessage::Facts> messages{};
    bool gap = false;
  };
  std::vector<Early> early_{};  // before the synchronisation was over

  std::size_t link_ = 0;
  bool flowing_ = false;
  std::set<std::uint64_t> came_{};  // on this inbox
  std::size_t window_;
  std::uint64_t attempt_ = 0;  // an older one is not to go on
  std::uint64_t incarnation_ = 0;
  std::uint64_t floor_of_ = 0;  // the incarnation whose floor was noted last
  std::uint64_t stream_generation_ = 0;
  bool stream_made_again_ = false;
  TimePoint flows_since_{}, proven_{}, heard_{}, last_delivery_{}, aged_{};
  TimePoint undisturbed_since_ = TimePoint::max();

  TimePoint told_{};  // what was acknowledged before this was acknowledged again
  std::uint64_t told_losses_ = 0, told_up_to_ = 0;
  TimePoint ignorant_since_{};
  std::uint64_t floor_told_ = 0, floor_generation_ = 0;
  bool arriving_ = true;
  bool handling_ = true;
  bool stopped_ = false;
  bool dead_ = false;  // the connection is
  bool lose_ = false;
  bool cut_once_more_ = false;
};

}  // namespace penstock::eventbus::simulation
