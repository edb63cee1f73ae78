// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "simulation/conditions.h"
#include "simulation/network.h"

namespace penstock::eventbus::simulation {

/// Requests to a server, which may be lost, as may their answers. Thread-compatible.
class ServerRequests {
 public:
  using Answer = std::function<void()>;

  ServerRequests(const Conditions& conditions, EventQueue& event_queue, Random random, Network& network)
      : conditions_(conditions), event_queue_(event_queue), random_(random), network_(network) {}

  /// Does `what` at the server, and what that returns at the client; nothing of it, or only the first, where it is lost
  /// or the server does not answer: then `unanswered`.
  void Ask(std::function<Answer()> what, Answer unanswered);

 private:
  void AtServer(std::function<Answer()> what, Answer unanswered, int tries);

  const Conditions& conditions_;
  EventQueue& event_queue_;
  Random random_;
  Network& network_;
};

}  // namespace penstock::eventbus::simulation
