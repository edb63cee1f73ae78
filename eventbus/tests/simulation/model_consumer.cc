// SPDX-License-Identifier: Apache-2.0
#include "simulation/model_consumer.h"

#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kTakeoverDelay{300};

}  // namespace

ModelConsumer::ModelConsumer(const Scenario& scenario, EventQueue& event_queue, Random random, Network& network,
                             Trace& trace, Events events)
    : scenario_(scenario),
      event_queue_(event_queue),
      random_(random),
      network_(network),
      trace_(trace),
      events_(std::move(events)),
      credit_(scenario.first_window()),
      window_(scenario.first_window()) {}

void ModelConsumer::Synchronise(microseconds after) {
  Withdraw();
  event_queue_.After(after, [this, attempt = ++attempt_] { Try(attempt); });
}

void ModelConsumer::Withdraw() {
  undisturbed_since_ = TimePoint::max();
  silent_since_ = TimePoint::max();
  lose_ = false;
  if (inbox_ != 0) network_.Disconnect(std::exchange(inbox_, 0));
}

void ModelConsumer::Try(std::uint64_t attempt) {
  if (stopped_ || attempt != attempt_) return;
  const bool reachable = network_.reachable();
  if (!reachable || (scenario_.mode == Mode::kExclusive && !MayTake())) {
    const auto pause = random_.Between(milliseconds{reachable ? 250 : 20}, milliseconds{reachable ? 500 : 100});
    event_queue_.After(pause, [this, attempt] { Try(attempt); });
    return;
  }
  const bool made = !network_.server().has_consumer();
  if (stream_generation_ != network_.stream_generation()) {
    outstanding_.Clear();
    if (std::exchange(stream_generation_, network_.stream_generation()) != 0) events_.on_stream_recreated();
  }
  Flow(made);
}

// A consumer that another owned may be taken when it has been free for a while; one that was ours last, at once.
bool ModelConsumer::MayTake() {
  const bool owned = network_.HasOwnerBut(*this);
  const ModelConsumer* const last = network_.last_owner();
  if (last == this || last == nullptr) return !owned;
  TellOwnershipLost();
  if (owned) {
    vacant_since_ = TimePoint::max();
    return false;
  }
  if (vacant_since_ == TimePoint::max()) vacant_since_ = event_queue_.now();
  return event_queue_.now() - vacant_since_ >= kTakeoverDelay;
}

void ModelConsumer::TellOwnershipLost() {
  if (!std::exchange(ownership_lost_, true)) events_.on_ownership_lost();
}

void ModelConsumer::Flow(bool made) {
  if (made) {
    network_.MakeConsumer(WhereToBegin());
    if (scenario_.mode == Mode::kExclusive && incarnation_ != 0) events_.on_consumer_recreated();
  }
  outstanding_.SettledUpTo(network_.server().ack_floor());
  incarnation_ = network_.incarnation();
  // Told again: what the other did since it was told first has to be looked up, too.
  if (std::exchange(ownership_lost_, false)) events_.on_ownership_lost();
  vacant_since_ = TimePoint::max();
  credit_.Forget();
  came_.clear();
  inbox_ = network_.Connect(*this);
  undisturbed_since_ = event_queue_.now();
  trace_.Note("synchronised, inbox", inbox_, "ack floor", network_.server().ack_floor());
  SetWindow(window_);
  Ask();
}

std::uint64_t ModelConsumer::WhereToBegin() const {
  if (scenario_.mode == Mode::kExclusive) return outstanding_.Lowest().value_or(1);
  const bool from_now_on = scenario_.mode == Mode::kAtMostOnce && network_.incarnation() > 0;
  return from_now_on ? network_.server().last() + 1 : 1;
}

void ModelConsumer::Receive(std::size_t inbox, const std::vector<ModelMessage::Facts>& messages) {
  if (inbox != inbox_ || !arriving_) return;
  if (lose_) return Synchronise(random_.Between(milliseconds{1}, milliseconds{20}));
  for (const auto& message : messages) {
    outstanding_.Arrived(message.sequence);
    came_.insert(message.sequence);
  }
  credit_.Arrived(messages.size());
  events_.on_messages(messages);
}

void ModelConsumer::AddCredit(std::size_t count) {
  credit_.Granted(count);
  Ask();
}

void ModelConsumer::Ask() {
  if (scenario_.mode == Mode::kExclusive || inbox_ == 0 || !arriving_) return;
  while (const auto request = credit_.Next()) {
    network_.Send(inbox_, [inbox = inbox_, batch = request->batch](ModelServer& server) { server.Pull(inbox, batch); });
  }
}

void ModelConsumer::SetWindow(std::size_t window) {
  window_ = window;
  if (scenario_.mode != Mode::kExclusive || inbox_ == 0) return;
  network_.Send(inbox_, [window](ModelServer& server) { server.SetMaxAckPending(window); });
}

void ModelConsumer::Acknowledge(const StoredMessage& message, AckType type) {
  const ModelMessage::Facts& facts = FactsOf(message);
  if (inbox_ == 0 || facts.incarnation != incarnation_) return;
  if (type == AckType::kAck || type == AckType::kTerm) outstanding_.Settled(facts.sequence);
  network_.Send(inbox_, [this, type, sequence = facts.sequence](ModelServer& server) {
    const TimePoint now = event_queue_.now();
    if (type == AckType::kNak) return server.Nak(sequence, now);
    if (type == AckType::kInProgress) return server.InProgress(sequence, now);
    trace_.Note("settled at the server", sequence);
    server.Ack(sequence, now);
  });
}

bool ModelConsumer::MayHandle() const {
  if (scenario_.mode != Mode::kExclusive) return true;
  return inbox_ != 0 && (silent_since_ == TimePoint::max() || event_queue_.now() - silent_since_ < kLease);
}

void ModelConsumer::Stop() {
  stopped_ = true;
  Withdraw();
}

void ModelConsumer::Cut() {
  if (!stopped_) Synchronise(random_.Skewed(milliseconds{1}, milliseconds{1000}));
}

void ModelConsumer::FallSilent() {
  if (inbox_ == 0 || silent_since_ != TimePoint::max()) return;
  silent_since_ = event_queue_.now();
  undisturbed_since_ = TimePoint::max();
  network_.Deaden(inbox_);
  const std::size_t inbox = inbox_;
  // The server gives the inbox up when the process no longer believes in it, or later.
  event_queue_.After(random_.Between(kLease, milliseconds{3000}), [this, inbox] { network_.Disconnect(inbox); });
  event_queue_.After(random_.Between(milliseconds{1200}, milliseconds{4000}), [this, inbox] {
    if (inbox == inbox_ && !stopped_) Synchronise(random_.Between(milliseconds{1}, milliseconds{50}));
  });
}

// Shows only when it takes long.
void ModelConsumer::ServerPaused() {
  if (inbox_ == 0) return;
  undisturbed_since_ = TimePoint::max();
  const std::size_t inbox = inbox_;
  event_queue_.After(milliseconds{1500}, [this, inbox] {
    if (inbox != inbox_ || stopped_) return;
    if (!network_.reachable()) return Synchronise(random_.Between(milliseconds{1}, milliseconds{50}));
    if (silent_since_ == TimePoint::max()) undisturbed_since_ = event_queue_.now();
  });
}

void ModelConsumer::ConsumerGone() {
  undisturbed_since_ = TimePoint::max();
  event_queue_.After(random_.Between(milliseconds{1}, milliseconds{2500}), [this, inbox = inbox_] {
    if (inbox == inbox_ && !stopped_) Synchronise(random_.Between(milliseconds{1}, milliseconds{20}));
  });
}

}  // namespace penstock::eventbus::simulation
