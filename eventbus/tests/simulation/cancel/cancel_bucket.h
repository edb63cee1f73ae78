// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "bus/cancel/cancel_entry.h"
#include "simulation/ledger.h"
#include "simulation/server_requests.h"

namespace penstock::eventbus::simulation {

class ModelCancelWatch;

/// The request to cancel an event, as the bucket has it.
struct CancelRequest {
  CancelState state = CancelState::kRequested;
  std::uint64_t revision = 0;
};

/// The bucket of requests to cancel, those that make them, and the watches of the processes, each of which is told of
/// every change in order, some of them late. Thread-compatible.
class CancelBucket {
 public:
  CancelBucket(const Scenario& scenario, const Conditions& conditions, EventQueue& event_queue, Random random,
               Network& network, Ledger& ledger, Trace& trace)
      : scenario_(scenario),
        event_queue_(event_queue),
        random_(random),
        network_(network),
        ledger_(ledger),
        trace_(trace),
        requests_(conditions, event_queue, Random(random_.Next()), network) {}

  /// An event was published: somebody may want to cancel it some time later.
  void Published(std::size_t event);

  // Of the watches.
  void Join(ModelCancelWatch& watch);
  void Leave(const ModelCancelWatch& watch);
  /// The answer to the request of that revision.
  void Answer(std::size_t event, CancelState state, std::uint64_t revision);
  /// Reads an event's request.
  void Get(std::size_t event, std::function<void(const CancelRequest* request)> answer,
           std::function<void()> unanswered);

  /// Whether somebody wants the event cancelled.
  bool IsRequested(std::size_t event) const;

 private:
  void Request(std::size_t event);
  void Put(std::size_t event, CancelState state);

  const Scenario& scenario_;
  EventQueue& event_queue_;
  Random random_;
  Network& network_;
  Ledger& ledger_;
  Trace& trace_;
  ServerRequests requests_;
  std::map<std::size_t, CancelRequest> entries_{};
  std::vector<std::pair<ModelCancelWatch*, TimePoint>> watches_{};  // and when its latest news comes
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus::simulation
