// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "simulation/cluster.h"
#include "simulation/event_queue.h"
#include "simulation/ledger.h"
#include "simulation/model_bucket.h"
#include "simulation/model_message.h"
#include "simulation/model_server.h"

namespace penstock::eventbus::simulation {

class ModelConsumer;

/// The servers and the connections to them. What is sent on a connection arrives in order, later, or not at all once
/// the connection is cut. A leader that was cut off from the others goes on for a while with what it had: a side of its
/// own, which comes to nothing in the end.
///
/// Thread-compatible.
class Network {
 public:
  /// The consumer as one leader has it.
  struct Side {
    ModelServer server{};
    std::uint64_t incarnation = 0;
    std::size_t inbox = 0;                    ///< the connection that it was bound to last
    const ModelConsumer* listener = nullptr;  ///< whose that is
    bool released = false;
  };
  /// Stream and consumer as a look shows them.
  struct Sight {
    bool exists = false;
    bool ours = false, bound = false, released = false;
    std::size_t inbox = 0;
    std::uint64_t incarnation = 0, floor = 0, delivered = 0, pending = 0;
    std::uint64_t stream_generation = 0, last = 0;
    bool committed = true;  ///< by a majority
  };
  using Answer = std::function<void()>;

  Network(const Scenario& scenario, EventQueue& event_queue, Random random, Ledger& ledger, Trace& trace)
      : scenario_(scenario), event_queue_(event_queue), random_(random), ledger_(ledger), trace_(trace) {}

  /// Whether a request would be answered, as long as the servers reach each other.
  bool reachable() const { return up_ && !paused_; }
  bool whole() const { return reachable() && cluster_.whole(); }
  std::uint64_t stream_generation() const { return stream_generation_; }
  std::uint64_t incarnation() const { return main_.incarnation; }
  /// How often answers that a server had taken in were lost.
  std::uint64_t losses() const { return losses_; }

  /// The processes.
  void Join(const ModelConsumer& consumer) { consumers_.insert(&consumer); }
  void Part(const ModelConsumer& consumer) { consumers_.erase(&consumer); }
  bool AnotherMayHandle(const ModelConsumer& consumer) const;
  /// Whether somebody deleted the consumer while a process other than `consumer` knows where it stood. (A process that
  /// has just begun would begin with the stream.)
  bool OthersKnow(const ModelConsumer& consumer) const;

  /// A connection of `consumer` to `server`.
  std::size_t Open(ModelConsumer& consumer, std::size_t server);
  /// The connection is closed, and both sides know.
  void Close(std::size_t link);
  /// Does `what` at the consumer's leader, in a while.
  void Send(std::size_t link, std::function<void(ModelServer& server)> what);
  /// The same; what it returns is done at the client, in a while.
  void Request(std::size_t link, std::function<Answer(Side& side)> what);
  /// Answered by the server that the client is connected to, whoever leads.
  void Ping(std::size_t link, Answer answer);
  /// Asks for a message of the consumer again. It may arrive late when the connection is closed meanwhile.
  void AskFor(std::size_t link, std::uint64_t sequence);
  /// Writes what a quorum keeps; the client's part is left out when no quorum can be had, or the answer is lost.
  void AskQuorum(std::size_t server, std::function<Answer(ModelBucket& bucket)> what);
  /// Reads it; a server that was cut off from the others may answer with what it had.
  void ReadBucket(std::size_t server, std::function<Answer(const ModelBucket& bucket)> what);

  // At a leader.
  Sight Look(const Side& side, const ModelConsumer& consumer) const;
  void MakeConsumer(const ModelConsumer& consumer, std::uint64_t start);
  void DeleteConsumer();
  /// False when somebody listens on another inbox.
  bool Bind(Side& side, std::size_t link, ModelConsumer& consumer);
  /// The fencing token of an owner on a server that stands alone: the last one, if it is still the owner's.
  std::uint64_t IssueFence(std::uint64_t own) { return own != 0 && own == last_fence_ ? own : ++last_fence_; }
  bool IsCommitted(const Side& side) const { return &side == &main_; }

  /// Several consumers share: the pulling consumer is made where none is.
  void MakePulled(std::uint64_t start);

  /// Sequences that were handled and whose acknowledgement has not arrived, leaving out what may run again and what was
  /// redriven, whose letter has to be removed first.
  std::vector<std::uint64_t> Unanswered() const;

  // Faults.
  void Deaden(std::size_t link);  ///< nothing passes any more
  void Pause() { paused_ = true; }
  void Resume();
  void Kill();
  void Start() { up_ = true; }
  /// Nothing when there is none, or it was made just now.
  bool DeleteByOperator();
  void MakeStreamAgain();
  void LagBehind(std::uint64_t messages) { lag_ = messages; }
  void Isolate(std::size_t server);
  void CutRouteBesides(std::size_t server);
  void Elect();
  void StepDown() { stale_.reset(); }
  void Heal();
  Cluster& cluster() { return cluster_; }

  /// A message is in the stream. Returns its number in the ledger.
  std::size_t Publish(Record record);
  /// Puts overdue messages in line; returns their sequences.
  std::vector<std::uint64_t> Expire();
  /// Tells those who listen that their server is there.
  void Heartbeat();

  const ModelServer& server() const { return main_.server; }
  std::chrono::microseconds Delay() { return random_.Skewed(scenario_.network_shortest, scenario_.network_longest); }

 private:
  struct Connection {
    ModelConsumer* consumer = nullptr;
    std::size_t server = 0;
    bool dead = false;
    bool gap = false;  ///< something was lost on it
    TimePoint to_server{};
    TimePoint to_client{};
  };

  Connection* Find(std::size_t link);
  bool Listens(const Side& side) const;
  Side* SideOf(const Connection& connection);
  void AtServer(std::size_t link, const std::function<void(Side& side)>& what);
  void SendTo(std::size_t link, std::function<void(Side& side)> what);
  void Back(std::size_t link, Answer answer);
  void AllowWhatIsNotTold(const ModelConsumer& successor);
  void Lost();
  std::chrono::microseconds QuorumDelay();
  void Pump();
  void Pump(Side& side);
  void Deliver(Side& side, std::size_t link, std::vector<ModelMessage::Facts> batch);

  const Scenario& scenario_;
  EventQueue& event_queue_;
  Random random_;
  Ledger& ledger_;
  Trace& trace_;
  Side main_{};
  std::optional<Side> stale_{};  // of a leader that was cut off
  Cluster cluster_{};
  ModelBucket bucket_{};
  ModelBucket stale_bucket_{};  // of the server that is cut off
  std::set<const ModelConsumer*> consumers_{};
  std::map<std::size_t, Connection> connections_{};
  std::vector<std::pair<std::size_t, std::function<void(Side& side)>>> waiting_{};  // while paused
  std::size_t last_link_ = 0;
  std::uint64_t stream_generation_ = 1;
  std::uint64_t losses_ = 0;
  std::uint64_t lag_ = 0;
  std::uint64_t last_fence_ = 0;
  bool deleted_ = false;  // by an operator
  TimePoint made_at_{};
  bool up_ = true;
  bool paused_ = false;
};

}  // namespace penstock::eventbus::simulation
