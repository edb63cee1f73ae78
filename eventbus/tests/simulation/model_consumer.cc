// SPDX-License-Identifier: Apache-2.0
#include "simulation/model_consumer.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using jetstream::Ownership;
using jetstream::RecoveryBarrier;
using std::chrono::microseconds;
using std::chrono::milliseconds;
namespace times = jetstream::ownership_time;

}  // namespace

ModelConsumer::ModelConsumer(const Scenario& scenario, EventQueue& event_queue, Random random, Network& network,
                             Ledger& ledger, Trace& trace, int process, Events events)
    : scenario_(scenario),
      event_queue_(event_queue),
      random_(random),
      network_(network),
      ledger_(ledger),
      trace_(trace),
      events_(std::move(events)),
      server_(scenario.clustered ? random_.Below(Cluster::kServers) : 0),
      credit_(scenario.first_window()),
      lease_(event_queue, network, trace, server_, static_cast<std::uint64_t>(process)),
      window_(scenario.first_window()) {
  network_.Join(*this);
}

void ModelConsumer::Synchronise(microseconds after) {
  Withdraw();
  event_queue_.After(after, [this, attempt = ++attempt_] {
    if (stopped_ || attempt != attempt_) return;
    scenario_.mode == Mode::kExclusive ? Try(attempt) : TrySimply(attempt);
  });
}

void ModelConsumer::Withdraw() {
  undisturbed_since_ = TimePoint::max();
  lose_ = false;
  flowing_ = dead_ = false;
  ownership_.Withdrawn(std::exchange(proven_, {}));
  held_.clear();
  early_.clear();
  if (link_ != 0) network_.Close(std::exchange(link_, 0));
}

// A pulled consumer, or one without acknowledgements.

void ModelConsumer::TrySimply(std::uint64_t attempt) {
  if (stopped_ || attempt != attempt_) return;
  if (!network_.reachable()) {
    return event_queue_.After(random_.Between(milliseconds{20}, milliseconds{100}),
                              [this, attempt] { TrySimply(attempt); });
  }
  const bool made = !network_.server().has_consumer();
  if (stream_generation_ != network_.stream_generation()) {
    if (std::exchange(stream_generation_, network_.stream_generation()) != 0) events_.on_stream_recreated();
  }
  FlowSimply(made);
}

void ModelConsumer::FlowSimply(bool made) {
  if (made) network_.MakePulled(WhereToBeginSimply());
  incarnation_ = network_.incarnation();
  credit_.Forget();
  came_.clear();
  link_ = network_.Open(*this, server_);
  flowing_ = true;
  flows_since_ = event_queue_.now();
  undisturbed_since_ = event_queue_.now();
  trace_.Note("synchronised, inbox", link_, "ack floor", network_.server().ack_floor());
  Ask();
}

std::uint64_t ModelConsumer::WhereToBeginSimply() const {
  const bool from_now_on = scenario_.mode == Mode::kAtMostOnce && network_.incarnation() > 0;
  return from_now_on ? network_.server().last() + 1 : 1;
}

void ModelConsumer::AddCredit(std::size_t count) {
  credit_.Granted(count);
  Ask();
}

void ModelConsumer::Ask() {
  if (scenario_.mode == Mode::kExclusive || !flowing_ || !arriving_) return;
  while (const auto request = credit_.Next()) {
    network_.Send(link_, [link = link_, batch = request->batch](ModelServer& server) { server.Pull(link, batch); });
  }
}

// While messages flow.

void ModelConsumer::Receive(std::size_t link, const std::vector<ModelMessage::Facts>& messages, bool gap) {
  if (link != link_ || !arriving_) return;
  if (!flowing_) return early_.push_back({messages, gap});
  heard_ = last_delivery_ = event_queue_.now();
  if (lose_ || gap) return Synchronise(random_.Between(milliseconds{1}, milliseconds{20}));
  std::vector<ModelMessage::Facts> passed;
  for (const auto& message : messages) {
    came_.insert(message.sequence);
    awaited_.Over({&message.sequence, 1});
    OnDelivery(message, passed);
    if (!flowing_) break;
  }
  for (const auto& message : passed) {
    outstanding_.Arrived(message.sequence);
    lineage_.Delivered(message.sequence, {});
    runs_.Delivered({message.sequence, {}});
  }
  credit_.Arrived(messages.size());
  if (!passed.empty()) events_.on_messages(passed);
}

void ModelConsumer::OnDelivery(const ModelMessage::Facts& facts, std::vector<ModelMessage::Facts>& passed) {
  switch (barrier_.Arrived(facts.sequence)) {
    case RecoveryBarrier::Verdict::kPass:
      passed.push_back(facts);
      return;
    case RecoveryBarrier::Verdict::kHold:
      held_.push_back(facts);
      return;
    case RecoveryBarrier::Verdict::kRelease:
      held_.push_back(facts);
      RecoveryBarrier::Sort(held_);
      passed.insert(passed.end(), held_.begin(), held_.end());
      held_.clear();
      return;
    case RecoveryBarrier::Verdict::kIncomplete:
      insists_ = false;
      trace_.Note("something new before all that is pending", facts.sequence);
      return LoseTrack();
  }
}

void ModelConsumer::Heartbeat(std::size_t link, bool gap) {
  if (link != link_ || !flowing_) return;
  heard_ = event_queue_.now();
  if (gap && arriving_) LoseTrack();
}

void ModelConsumer::LoseTrack() { Synchronise(random_.Between(milliseconds{1}, milliseconds{100})); }

void ModelConsumer::Tick() {
  Ask();
  if (scenario_.mode != Mode::kExclusive || !flowing_) return;
  const TimePoint now = event_queue_.now();
  if (now - heard_ > times::kSilence && arriving_) {
    trace_.Note("the server fell silent");
    return LoseTrack();
  }
  Prove();
  AgeAcks();
  ReportSettled();
  if (!arriving_) return;
  if (claim_ != 0 && lease_.session() != claim_) return LoseTrack();
  if (!Recovering()) Audit();
}

void ModelConsumer::AgeAcks() {
  const TimePoint now = event_queue_.now();
  const bool heard = now - heard_ < times::kSpeaks && (claim_ == 0 || lease_.Holds(claim_, now));
  if (!heard || now - aged_ < times::kAckMemory) return;
  recent_acks_.Age();
  aged_ = now;
}

void ModelConsumer::Prove() {
  const TimePoint now = event_queue_.now();
  if (now >= proven_ + times::kLease) return ProveAnew();
  network_.Ping(link_, IfCurrent([this, sent = now] {
                  if (event_queue_.now() < sent + times::kLease) proven_ = std::max(proven_, sent);
                }));
}

void ModelConsumer::ProveAnew() {
  if (!arriving_) return;
  network_.Request(link_, [this, sent = event_queue_.now()](Network::Side& side) -> Network::Answer {
    return IfCurrent([this, sent, sight = network_.Look(side, *this)] {
      if (sight.ours && sight.inbox == link_ && sight.bound) {
        proven_ = std::max(proven_, sent);
      } else {
        LoseTrack();
      }
    });
  });
}

bool ModelConsumer::Recovering() {
  if (!barrier_.up()) return false;
  if (event_queue_.now() - last_delivery_ < times::kRecoveryStall) return true;
  insists_ = false;
  trace_.Note("not all that is pending came");
  LoseTrack();
  return true;
}

void ModelConsumer::Audit() {
  const std::optional<std::uint64_t> first = awaited_.First();
  if (!audit_.Due(event_queue_.now(), last_delivery_, first)) return;
  network_.Request(link_, [this, first](Network::Side& side) -> Network::Answer {
    return IfCurrent([this, first, sight = network_.Look(side, *this)] {
      if (!sight.exists || sight.incarnation != incarnation_ || !flowing_ || !arriving_) return;
      if (first && sight.floor >= *first) {
        events_.on_settled_elsewhere(sight.floor);
        awaited_.OverUpTo(sight.floor);
      }
      if (!audit_.Saw(sight.pending, outstanding_.size(), event_queue_.now(), last_delivery_)) return;
      trace_.Note("the server waits for answers that were given");
      LoseTrack();
    });
  });
}

void ModelConsumer::SetWindow(std::size_t window) {
  window_ = window;
  if (scenario_.mode != Mode::kExclusive || !flowing_) return;
  network_.Send(link_, [window](ModelServer& server) { server.SetMaxAckPending(window); });
}

void ModelConsumer::Acknowledge(const StoredMessage& message, AckType type) {
  const ModelMessage::Facts& facts = FactsOf(message);
  if (facts.incarnation != incarnation_) return;
  if (type == AckType::kNak) awaited_.Asked(facts.sequence);
  if (type == AckType::kAck || type == AckType::kTerm) {
    outstanding_.Settled(facts.sequence);
    awaited_.Over({&facts.sequence, 1});
    recent_acks_.Sent({&facts.sequence, 1});
    if (scenario_.clustered) runs_.Settled({&facts.sequence, 1}, facts.incarnation);
    ledger_.record(facts.record).acked_by = this;
    ledger_.record(facts.record).acked_at = event_queue_.now();
  }
  if (!flowing_) return;
  network_.Send(link_, [this, type, sequence = facts.sequence](ModelServer& server) {
    const TimePoint now = event_queue_.now();
    if (type == AckType::kNak) return server.Nak(sequence, now);
    if (type == AckType::kInProgress) return server.InProgress(sequence, now);
    trace_.Note("settled at the server", sequence);
    server.Ack(sequence, now);
  });
}

bool ModelConsumer::MayHandle() const {
  if (scenario_.mode != Mode::kExclusive) return true;
  const TimePoint now = event_queue_.now();
  return flowing_ && Ownership::MayBegin(now, proven_, heard_) && (claim_ == 0 || lease_.Holds(claim_, now));
}

void ModelConsumer::Release() {
  if (scenario_.mode != Mode::kExclusive || !flowing_) return;
  network_.Request(link_, [this, link = link_](Network::Side& side) -> Network::Answer {
    if (side.inbox == link && network_.IsCommitted(side)) side.released = true;
    return {};
  });
  ReportSettled();
  if (claim_ != 0) lease_.Release(claim_);
}

void ModelConsumer::Stop() {
  stopped_ = true;
  handling_ = false;
  network_.Part(*this);
  lease_.Stop();
  Withdraw();
}

void ModelConsumer::TellNews() {
  if (!ownership_.TakeNews()) return;
  awaited_.Clear();
  events_.on_ownership_lost();
}

bool ModelConsumer::HasTold(std::uint64_t sequence, TimePoint acked_at) const {
  return told_losses_ == network_.losses() && sequence <= told_up_to_ && acked_at < told_;
}

// Faults.

void ModelConsumer::Cut() {
  if (!stopped_) Synchronise(random_.Skewed(milliseconds{1}, milliseconds{1000}));
}

// The server gives the connection up soon, or when the process has long had another.
void ModelConsumer::FallSilent() {
  if (link_ == 0) return;
  undisturbed_since_ = TimePoint::max();
  dead_ = true;
  network_.Deaden(link_);
  event_queue_.After(random_.Between(milliseconds{0}, milliseconds{5000}), [this, link = link_] {
    network_.Close(link);
    if (scenario_.mode != Mode::kExclusive && link == link_) Synchronise(milliseconds{1});
  });
}

// Shows only when it takes long.
void ModelConsumer::Disturbed() {
  if (!flowing_) return;
  undisturbed_since_ = TimePoint::max();
  event_queue_.After(milliseconds{1500}, [this, link = link_] {
    if (link != link_ || dead_ || stopped_ || scenario_.clustered || !network_.reachable()) return;
    undisturbed_since_ = event_queue_.now();
  });
}

}  // namespace penstock::eventbus::simulation
