// SPDX-License-Identifier: Apache-2.0
#include "simulation/network.h"

#include <algorithm>

#include "simulation/model_consumer.h"

namespace penstock::eventbus::simulation {

bool Network::HasOwnerBut(const ModelConsumer& consumer) const {
  const auto owner = connections_.find(bound_);
  return owner != connections_.end() && owner->second.consumer != &consumer;
}

void Network::MakeConsumer(std::uint64_t start) {
  ++incarnation_;
  trace_.Note("consumer made, number", incarnation_, "from", start);
  // Messages that processes before this one have settled beyond the start come again, too.
  for (std::uint64_t sequence = start; sequence <= server_.last(); ++sequence) {
    ledger_.AllowAgain(ledger_.AtSequence(sequence));
  }
  server_.MakeConsumer(
      {.pushes = scenario_.mode == Mode::kExclusive,
       .acknowledges = scenario_.flow.acknowledges,
       .ack_wait = scenario_.flow.ack_wait,
       .max_ack_pending = scenario_.mode == Mode::kExclusive ? scenario_.first_window() : static_cast<std::size_t>(-1),
       .start = start},
      event_queue_.now());
}

std::size_t Network::Connect(ModelConsumer& consumer) {
  connections_[++last_inbox_] = {.consumer = &consumer};
  if (scenario_.mode == Mode::kExclusive) {
    bound_ = last_inbox_;
    last_owner_ = &consumer;
    server_.Bind(bound_, event_queue_.now());
  }
  event_queue_.After(Delay(), [this] { Pump(); });
  return last_inbox_;
}

void Network::Send(std::size_t inbox, std::function<void(ModelServer& server)> what) {
  const auto connection = connections_.find(inbox);
  if (connection == connections_.end() || connection->second.dead) return;
  TimePoint& last = connection->second.to_server;
  last = std::max(last, event_queue_.now() + Delay());
  event_queue_.At(last, [this, inbox, what = std::move(what)] { AtServer(inbox, what); });
}

void Network::AtServer(std::size_t inbox, const std::function<void(ModelServer& server)>& what) {
  const auto connection = connections_.find(inbox);
  if (connection == connections_.end() || connection->second.dead) return;
  if (paused_) {
    waiting_.emplace_back(inbox, what);
    return;
  }
  what(server_);
  Pump();
}

std::vector<std::uint64_t> Network::LoseAnswers() {
  std::vector<std::uint64_t> lost;
  if (!server_.has_consumer()) return lost;
  for (std::uint64_t sequence = server_.ack_floor() + 1; sequence <= server_.last(); ++sequence) {
    const std::size_t number = ledger_.AtSequence(sequence);
    const Record& record = ledger_.record(number);
    const bool unanswered = record.completed && !server_.IsSettled(sequence) && ledger_.AllowAgain(number);
    if (unanswered && record.letter == 0) lost.push_back(sequence);
  }
  return lost;
}

void Network::Disconnect(std::size_t inbox) {
  if (connections_.erase(inbox) == 0) return;
  LoseAnswers();
  server_.Leave(inbox);
  if (bound_ == inbox) bound_ = 0;
}

void Network::Deaden(std::size_t inbox) {
  const auto connection = connections_.find(inbox);
  if (connection != connections_.end()) connection->second.dead = true;
  LoseAnswers();
}

void Network::Resume() {
  paused_ = false;
  for (const auto& [inbox, what] : std::exchange(waiting_, {})) AtServer(inbox, what);
  Pump();
}

void Network::Kill() {
  up_ = false;
  paused_ = false;
  waiting_.clear();
  bound_ = 0;
  connections_.clear();
  // A consumer without acknowledgements is kept in memory.
  if (!scenario_.flow.acknowledges) return server_.DeleteConsumer();
  for (const std::uint64_t sequence : server_.Crash(event_queue_.now()))
    ledger_.AllowAgain(ledger_.AtSequence(sequence));
  LoseAnswers();
}

void Network::Start() { up_ = true; }

void Network::DeleteConsumer() {
  server_.DeleteConsumer();
  bound_ = 0;
}

void Network::MakeStreamAgain() {
  ++stream_generation_;
  server_.MakeStreamAgain();
  ledger_.StreamMadeAgain();
  bound_ = 0;
}

std::size_t Network::Publish(Record record) {
  record.sequence = server_.Publish();
  if (record.origin == 0) record.origin = record.sequence;
  const std::size_t number = ledger_.Stored(std::move(record));
  Pump();
  return number;
}

std::vector<std::uint64_t> Network::Expire() {
  if (!reachable()) return {};
  std::vector<std::uint64_t> expired = server_.Expire(event_queue_.now());
  if (!expired.empty()) Pump();
  return expired;
}

// Messages reach the owner in batches, as from a socket.
void Network::Pump() {
  if (!reachable()) return;
  std::vector<ModelMessage::Facts> batch;
  std::size_t inbox = 0;
  for (const ModelServer::Sent& sent : server_.Pump(event_queue_.now())) {
    if (!batch.empty() && (sent.inbox != inbox || random_.PerMille(250))) Deliver(inbox, std::exchange(batch, {}));
    inbox = sent.inbox;
    const std::size_t record = ledger_.AtSequence(sent.sequence);
    batch.push_back({.sequence = sent.sequence,
                     .delivery_count = sent.delivery_count,
                     .pending = sent.pending,
                     .bytes = ledger_.record(record).bytes,
                     .record = record,
                     .incarnation = incarnation_});
  }
  if (!batch.empty()) Deliver(inbox, std::move(batch));
}

void Network::Deliver(std::size_t inbox, std::vector<ModelMessage::Facts> batch) {
  const auto connection = connections_.find(inbox);
  if (connection == connections_.end() || connection->second.dead) return;
  TimePoint& last = connection->second.to_client;
  last = std::max(last, event_queue_.now() + Delay());
  event_queue_.At(last, [this, inbox, batch = std::move(batch)] {
    const auto now_there = connections_.find(inbox);
    if (now_there == connections_.end() || now_there->second.dead) return;
    now_there->second.consumer->Receive(inbox, batch);
  });
}

}  // namespace penstock::eventbus::simulation
