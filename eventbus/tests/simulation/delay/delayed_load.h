// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

#include "simulation/delay/delay_checker.h"
#include "simulation/delay/delayed_stream.h"

namespace penstock::eventbus::simulation {

/// Publishers of delayed messages, who put some off and call some off, and what happens to relays meanwhile. Calls off
/// as `DelayedMessages` does.
///
/// Thread-compatible.
class DelayedLoad {
 public:
  DelayedLoad(const Scenario& scenario, const Conditions& conditions, EventQueue& event_queue, Random random,
              Ledger& ledger, Trace& trace, DelayedStream& stream, DelayChecker& checker)
      : scenario_(scenario),
        conditions_(conditions),
        event_queue_(event_queue),
        random_(random),
        ledger_(ledger),
        trace_(trace),
        stream_(stream),
        checker_(checker) {}

  void Begin();
  void Publish(std::size_t event, std::size_t bytes);
  /// Nothing is being published or called off.
  bool idle() const { return calls_ == 0; }

 private:
  void ScheduleFault();
  void Store(const DelayedEntry& entry, const std::function<void()>& stored);
  void PutOff(DelayedEntry entry);
  void CallOff(std::size_t event);
  void CallOffNow(const DelayedEntry& entry);
  TimePoint Due(std::chrono::microseconds least);

  const Scenario& scenario_;
  const Conditions& conditions_;
  EventQueue& event_queue_;
  Random random_;
  Ledger& ledger_;
  Trace& trace_;
  DelayedStream& stream_;
  DelayChecker& checker_;
  std::size_t calls_ = 0;
};

}  // namespace penstock::eventbus::simulation
