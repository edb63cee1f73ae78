// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "simulation/event_queue.h"
#include "simulation/ledger.h"
#include "simulation/network.h"
#include "simulation/server_requests.h"

namespace penstock::eventbus::simulation {

class ModelRelay;

/// One message of the delayed ones: an event that waits, the word that it was called off, or the mark of a relay.
struct DelayedEntry {
  std::uint64_t generation = 0;  ///< of the stream
  std::uint64_t sequence = 0;
  std::size_t event = 0;
  TimePoint due{};
  TimePoint stored_at{};
  std::size_t bytes = 0;
  bool called_off = false;
  bool mark = false;
};

/// The stream of delayed messages, of which each event has one at most, and the durable of the relays: one of them owns
/// it at a time, proves that as owners of consumers do, and is sent what is new. Proofs and messages come in order.
/// When the stream is created again, the relays are told before anything is stored in it.
///
/// Thread-compatible.
class DelayedStream {
 public:
  using Answer = ServerRequests::Answer;

  DelayedStream(const Conditions& conditions, EventQueue& event_queue, Random random, Network& network, Ledger& ledger,
                Trace& trace)
      : event_queue_(event_queue),
        random_(random),
        network_(network),
        ledger_(ledger),
        trace_(trace),
        requests_(conditions, event_queue, Random(random_.Next()), network) {}

  /// Begins to look after the durable.
  void Begin() { Upkeep(); }

  /// As `ServerRequests`.
  void Ask(std::function<Answer()> what, Answer unanswered) { requests_.Ask(std::move(what), std::move(unanswered)); }

  // At the server.
  /// Replaces the event's message.
  void Store(const DelayedEntry& entry);
  /// Replaces the mark. Its sequence.
  std::uint64_t StoreMark();
  const DelayedEntry* Find(std::uint64_t sequence) const;
  const DelayedEntry* OfEvent(std::size_t event) const;
  void Delete(std::uint64_t sequence);
  const std::map<std::uint64_t, DelayedEntry>& entries() const { return entries_; }
  /// Those that a replica tells, which may lag behind.
  std::map<std::uint64_t, DelayedEntry> Reading() const;
  std::uint64_t generation() const { return generation_; }
  /// Puts an event into its topic, once within the duplicate window, which is longer than a run. False: refused.
  bool PutForward(const DelayedEntry& entry);
  bool WasPutForward(std::size_t event) const { return forwarded_.contains(event); }

  // The durable.
  void Join(ModelRelay& relay) { relays_.push_back(&relay); }
  /// `released`: it was given up in order.
  void Leave(const ModelRelay& relay, bool released);
  /// Up to that sequence.
  void Acknowledge(const ModelRelay& relay, std::uint64_t sequence);

  // Faults.
  void LoseOwner();
  void MakeAgain();
  /// A replica that is read lacks the last messages for that long.
  void LagBehind(std::chrono::microseconds duration);
  /// The topic refuses what is put forward.
  void Refuse(bool refuses) { refuses_ = refuses; }

 private:
  void Add(const DelayedEntry& entry);
  void Upkeep();
  void Own(ModelRelay& relay);
  void Vacate(std::chrono::microseconds pause);
  void Deliver(std::vector<DelayedEntry> entries);
  void DeliverUnacknowledged();
  void ToOwner(Answer what);

  EventQueue& event_queue_;
  Random random_;
  Network& network_;
  Ledger& ledger_;
  Trace& trace_;
  ServerRequests requests_;
  std::map<std::uint64_t, DelayedEntry> entries_{};
  std::map<std::size_t, std::uint64_t> of_event_{};
  std::set<std::uint64_t> unacknowledged_{};
  std::set<std::size_t> forwarded_{};
  std::uint64_t last_ = 0;
  std::uint64_t mark_ = 0;
  std::uint64_t generation_ = 1;
  std::vector<ModelRelay*> relays_{};
  ModelRelay* owner_ = nullptr;
  std::uint64_t link_ = 0;
  std::uint64_t replica_has_ = 0;
  TimePoint lags_until_{};
  TimePoint vacant_until_{};
  TimePoint to_owner_{};
  bool broken_ = false;
  bool refuses_ = false;
};

}  // namespace penstock::eventbus::simulation
