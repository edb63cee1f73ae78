// SPDX-License-Identifier: Apache-2.0
#include "simulation/network.h"

#include <algorithm>

#include "simulation/model_consumer.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::milliseconds;

}  // namespace

bool Network::AnotherMayHandle(const ModelConsumer& consumer) const {
  return std::any_of(consumers_.begin(), consumers_.end(), [&](const ModelConsumer* other) {
    return other != &consumer && other->handling() && other->MayHandle();
  });
}

bool Network::OthersKnow(const ModelConsumer& consumer) const {
  return deleted_ && std::any_of(consumers_.begin(), consumers_.end(), [&](const ModelConsumer* other) {
           return other != &consumer && other->knows() && other->handling();
         });
}

// Connections.

std::size_t Network::Open(ModelConsumer& consumer, std::size_t server) {
  connections_[++last_link_] = {.consumer = &consumer, .server = server};
  return last_link_;
}

void Network::Close(std::size_t link) {
  if (connections_.erase(link) == 0) return;
  main_.server.Leave(link);
  if (stale_) stale_->server.Leave(link);
}

void Network::Deaden(std::size_t link) {
  if (Connection* const connection = Find(link)) connection->dead = true;
}

Network::Connection* Network::Find(std::size_t link) {
  const auto found = connections_.find(link);
  return found == connections_.end() ? nullptr : &found->second;
}

Network::Side* Network::SideOf(const Connection& connection) {
  if (!scenario_.clustered || cluster_.Reaches(connection.server)) return &main_;
  return stale_ && cluster_.IsIsolated(connection.server) ? &*stale_ : nullptr;
}

// A server believes in a dead connection until it notices.
bool Network::Listens(const Side& side) const {
  const auto found = connections_.find(side.inbox);
  return found != connections_.end() && const_cast<Network*>(this)->SideOf(found->second) == &side;
}

void Network::Send(std::size_t link, std::function<void(ModelServer& server)> what) {
  SendTo(link, [what = std::move(what)](Side& side) { what(side.server); });
}

// What is under way to a leader when another is elected may be lost.
void Network::SendTo(std::size_t link, std::function<void(Side& side)> what) {
  Connection* const connection = Find(link);
  if (connection == nullptr || connection->dead) return;
  TimePoint& last = connection->to_server;
  last = std::max(last, event_queue_.now() + Delay());
  event_queue_.At(last, [this, link, leader = cluster_.leader(), what = std::move(what)] {
    if (leader == cluster_.leader() || random_.PerMille(500)) AtServer(link, what);
  });
}

void Network::AtServer(std::size_t link, const std::function<void(Side& side)>& what) {
  const Connection* const connection = Find(link);
  if (connection == nullptr || connection->dead) return;
  if (paused_) {
    waiting_.emplace_back(link, what);
    return;
  }
  Side* const side = SideOf(*connection);
  if (side == nullptr) return;
  what(*side);
  Pump();
}

void Network::Back(std::size_t link, Answer answer) {
  Connection* const connection = Find(link);
  if (connection == nullptr || connection->dead || !answer) return;
  TimePoint& last = connection->to_client;
  last = std::max(last, event_queue_.now() + Delay());
  event_queue_.At(last, [this, link, answer = std::move(answer)] {
    const Connection* const there = Find(link);
    if (there != nullptr && !there->dead) answer();
  });
}

void Network::Request(std::size_t link, std::function<Answer(Side& side)> what) {
  SendTo(link, [this, link, what = std::move(what)](Side& side) { Back(link, what(side)); });
}

void Network::Ping(std::size_t link, Answer answer) {
  event_queue_.After(Delay(), [this, link, answer = std::move(answer)] {
    if (reachable()) Back(link, answer);
  });
}

void Network::AskFor(std::size_t link, std::uint64_t sequence) {
  Connection* const connection = Find(link);
  if (connection == nullptr || connection->dead) return;
  TimePoint& last = connection->to_server;
  last = std::max(last, event_queue_.now() + Delay());
  const auto ask = [this, sequence](Side& side) { side.server.Nak(sequence, event_queue_.now()); };
  event_queue_.At(last, [this, link, ask] {
    if (Find(link) != nullptr) return AtServer(link, ask);
    event_queue_.After(random_.Between(milliseconds{0}, milliseconds{2000}), [this, ask] {
      if (reachable()) ask(main_);
      Pump();
    });
  });
}

// Now and then slowly.
std::chrono::microseconds Network::QuorumDelay() {
  const bool slow = random_.PerMille(50);
  return Delay() + (slow ? random_.Between(milliseconds{0}, milliseconds{500}) : milliseconds{0});
}

void Network::AskQuorum(std::size_t server, std::function<Answer(ModelBucket& bucket)> what) {
  event_queue_.After(QuorumDelay(), [this, server, what = std::move(what)] {
    if (!reachable() || !cluster_.HasQuorum(server) || random_.PerMille(30)) return;
    Answer answer = what(bucket_);
    const bool lost = random_.PerMille(whole() ? 2 : 100);
    if (lost) return;
    event_queue_.After(QuorumDelay(), [this, server, answer = std::move(answer)] {
      if (!cluster_.IsIsolated(server)) answer();
    });
  });
}

void Network::ReadBucket(std::size_t server, std::function<Answer(const ModelBucket& bucket)> what) {
  event_queue_.After(QuorumDelay(), [this, server, what = std::move(what)] {
    const bool isolated = cluster_.IsIsolated(server);
    if (!reachable() || (!isolated && !cluster_.HasQuorum(server))) return;
    event_queue_.After(QuorumDelay(), [this, server, isolated, answer = what(isolated ? stale_bucket_ : bucket_)] {
      if (isolated == cluster_.IsIsolated(server)) answer();
    });
  });
}

// At a leader.

Network::Sight Network::Look(const Side& side, const ModelConsumer& consumer) const {
  const ModelServer& server = side.server;
  Sight sight{.stream_generation = stream_generation_, .last = server.last()};
  if (sight.last > 0) sight.last -= std::min(lag_, sight.last - 1);
  sight.committed = IsCommitted(side);
  sight.exists = server.has_consumer();
  if (!sight.exists) return sight;
  sight.ours = side.listener == &consumer;
  sight.bound = Listens(side);
  sight.released = side.released;
  sight.inbox = side.inbox;
  sight.incarnation = side.incarnation;
  sight.floor = server.ack_floor();
  sight.delivered = server.delivered();
  sight.pending = server.pending();
  return sight;
}

void Network::MakePulled(std::uint64_t start) {
  ++main_.incarnation;
  ++losses_;
  deleted_ = false;
  made_at_ = event_queue_.now();
  main_.inbox = 0;
  main_.released = false;
  trace_.Note("consumer made, number", main_.incarnation, "from", start);
  // What processes before this one have settled beyond the start comes again, too.
  for (std::uint64_t sequence = start; sequence <= main_.server.last(); ++sequence) {
    ledger_.AllowAgain(ledger_.AtSequence(sequence));
  }
  main_.server.MakeConsumer(
      {.pushes = scenario_.mode == Mode::kExclusive,
       .acknowledges = scenario_.flow.acknowledges,
       .ack_wait = scenario_.flow.ack_wait,
       .max_ack_pending = scenario_.mode == Mode::kExclusive ? scenario_.first_window() : static_cast<std::size_t>(-1),
       .start = start,
       .forgets_unheard = scenario_.forgets_unheard},
      event_queue_.now());
}

// Whoever makes it begins after the floor that it was told last.
void Network::MakeConsumer(const ModelConsumer& consumer, std::uint64_t start) {
  ledger_.Require(start > consumer.floor_told(stream_generation_), "bounded re-runs",
                  "a consumer was created again before the acknowledgement floor that its maker knew, at", start);
  MakePulled(start);
  main_.listener = &consumer;
}

void Network::DeleteConsumer() {
  main_.server.DeleteConsumer();
  main_.inbox = 0;
}

bool Network::Bind(Side& side, std::size_t link, ModelConsumer& consumer) {
  if (Listens(side) && side.inbox != link) return false;
  side.inbox = link;
  side.listener = &consumer;
  side.released = false;
  // Who holds the claim may begin for a while, also where it is at a leader that was just cut off.
  if (IsCommitted(side) || consumer.HoldsClaim()) AllowWhatIsNotTold(consumer);
  side.server.Bind(link, event_queue_.now());
  return true;
}

// What another process handled comes to the successor when the server has no acknowledgement of it. It may only when
// that process is gone, or had no occasion to say so once more.
void Network::AllowWhatIsNotTold(const ModelConsumer& successor) {
  const ModelServer& server = main_.server;
  for (std::uint64_t sequence = server.ack_floor() + 1; sequence <= server.last(); ++sequence) {
    const std::size_t number = ledger_.AtSequence(sequence);
    const Record& record = ledger_.record(number);
    if (!record.completed || server.IsSettled(sequence) || record.acked_by == &successor) continue;
    const bool told = record.acked_by != nullptr && consumers_.contains(record.acked_by) &&
                      record.acked_by->HasTold(sequence, record.acked_at);
    if (!told && !successor.KnowsSettled(sequence)) ledger_.AllowAgain(number);
  }
}

std::vector<std::uint64_t> Network::Unanswered() const {
  std::vector<std::uint64_t> unanswered;
  const ModelServer& server = main_.server;
  if (!server.has_consumer()) return unanswered;
  for (std::uint64_t sequence = server.ack_floor() + 1; sequence <= server.last(); ++sequence) {
    const std::size_t number = ledger_.AtSequence(sequence);
    const Record& record = ledger_.record(number);
    if (!record.completed || record.letter != 0 || server.IsSettled(sequence)) continue;
    if (sequence <= server.delivered() && !ledger_.MayRunAgain(number)) unanswered.push_back(sequence);
  }
  return unanswered;
}

std::size_t Network::Publish(Record record) {
  record.sequence = main_.server.Publish();
  record.stored_at = event_queue_.now();
  if (record.origin == 0) record.origin = record.sequence;
  const std::size_t number = ledger_.Stored(std::move(record));
  Pump();
  return number;
}

std::vector<std::uint64_t> Network::Expire() {
  if (!reachable()) return {};
  if (stale_) stale_->server.Expire(event_queue_.now());
  std::vector<std::uint64_t> expired = main_.server.Expire(event_queue_.now());
  Pump();
  return expired;
}

void Network::Heartbeat() {
  if (!reachable()) return;
  for (Side* const side : {&main_, stale_ ? &*stale_ : nullptr}) {
    if (side == nullptr || !side->server.has_consumer() || !Listens(*side)) continue;
    Back(side->inbox, [this, link = side->inbox] {
      const Connection& connection = connections_.at(link);
      connection.consumer->Heartbeat(link, connection.gap);
    });
  }
}

void Network::Pump() {
  if (!reachable()) return;
  if (stale_) Pump(*stale_);
  Pump(main_);
}

// Messages reach the owner in batches, as from a socket.
void Network::Pump(Side& side) {
  if (scenario_.mode == Mode::kExclusive) side.server.Listen(Listens(side) ? side.inbox : 0);
  std::vector<ModelMessage::Facts> batch;
  std::size_t link = 0;
  for (const ModelServer::Sent& sent : side.server.Pump(event_queue_.now())) {
    if (!batch.empty() && (sent.inbox != link || random_.PerMille(250))) Deliver(side, link, std::exchange(batch, {}));
    link = sent.inbox;
    const std::size_t record = ledger_.AtSequence(sent.sequence);
    const bool redriven = ledger_.record(record).letter != 0;
    batch.push_back({.sequence = sent.sequence,
                     .delivery_count = sent.delivery_count,
                     .pending = sent.pending,
                     .bytes = ledger_.record(record).bytes,
                     .record = record,
                     .incarnation = side.incarnation,
                     .message_id = redriven ? 0 : ledger_.record(record).event + 1});
  }
  if (!batch.empty()) Deliver(side, link, std::move(batch));
}

void Network::Deliver(Side& side, std::size_t link, std::vector<ModelMessage::Facts> batch) {
  Connection* const connection = Find(link);
  if (connection == nullptr || connection->dead) {
    // Nobody listens any more, which the server notices later.
    for (const auto& facts : batch) side.server.Unheard(facts.sequence);
    return;
  }
  Back(link, [this, link, batch = std::move(batch)] {
    const Connection& there = connections_.at(link);
    there.consumer->Receive(link, batch, there.gap);
  });
}

}  // namespace penstock::eventbus::simulation
