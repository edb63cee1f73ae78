// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "simulation/event_queue.h"
#include "simulation/ledger.h"
#include "simulation/model_message.h"
#include "simulation/model_server.h"

namespace penstock::eventbus::simulation {

class ModelConsumer;

/// The server and the connections to it. What is sent on a connection arrives in order, later, or not at all once the
/// connection is cut.
///
/// Thread-compatible.
class Network {
 public:
  Network(const Scenario& scenario, EventQueue& event_queue, Random random, Ledger& ledger, Trace& trace)
      : scenario_(scenario), event_queue_(event_queue), random_(random), ledger_(ledger), trace_(trace) {}

  /// Whether a request would be answered.
  bool reachable() const { return up_ && !paused_; }
  /// Whether somebody else than `consumer` receives from the consumer.
  bool HasOwnerBut(const ModelConsumer& consumer) const;
  /// The consumer that the consumer was bound to last.
  const ModelConsumer* last_owner() const { return last_owner_; }
  std::uint64_t incarnation() const { return incarnation_; }
  std::uint64_t stream_generation() const { return stream_generation_; }

  void MakeConsumer(std::uint64_t start);
  /// A connection with an inbox of its own; a pushing consumer is bound to it.
  std::size_t Connect(ModelConsumer& consumer);
  /// Does `what` at the server, in a while.
  void Send(std::size_t inbox, std::function<void(ModelServer& server)> what);
  /// The connection is closed, and both sides know.
  void Disconnect(std::size_t inbox);

  /// Acknowledgements that are under way may be lost: what they are for may be handled again by another process.
  /// Returns the sequences of those that were not before, leaving out what was redriven, whose letter has to be removed
  /// first.
  std::vector<std::uint64_t> LoseAnswers();

  // Faults.
  void Deaden(std::size_t inbox);  ///< nothing passes any more
  void Pause() { paused_ = true; }
  void Resume();
  void Kill();
  void Start();
  void DeleteConsumer();
  void MakeStreamAgain();

  /// A message is in the stream. Returns its number in the ledger.
  std::size_t Publish(Record record);
  /// Puts overdue messages in line; returns their sequences.
  std::vector<std::uint64_t> Expire();

  const ModelServer& server() const { return server_; }
  std::chrono::microseconds Delay() { return random_.Skewed(scenario_.network_shortest, scenario_.network_longest); }

 private:
  struct Connection {
    ModelConsumer* consumer = nullptr;
    bool dead = false;
    TimePoint to_server{};
    TimePoint to_client{};
  };

  void AtServer(std::size_t inbox, const std::function<void(ModelServer& server)>& what);
  void Pump();
  void Deliver(std::size_t inbox, std::vector<ModelMessage::Facts> batch);

  const Scenario& scenario_;
  EventQueue& event_queue_;
  Random random_;
  Ledger& ledger_;
  Trace& trace_;
  ModelServer server_{};
  std::map<std::size_t, Connection> connections_{};                                          // by inbox
  std::vector<std::pair<std::size_t, std::function<void(ModelServer& server)>>> waiting_{};  // while paused
  std::size_t last_inbox_ = 0;
  std::size_t bound_ = 0;
  const ModelConsumer* last_owner_ = nullptr;
  std::uint64_t incarnation_ = 0;
  std::uint64_t stream_generation_ = 1;
  bool up_ = true;
  bool paused_ = false;
};

}  // namespace penstock::eventbus::simulation
