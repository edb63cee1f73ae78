// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "bus/handle/expiry.h"
#include "delivery/delivery_state_machine.h"
#include "simulation/random.h"

namespace penstock::eventbus::simulation {

enum class Mode { kExclusive, kShared, kAtMostOnce };

/// Everything about a run that is settled before it begins; a seed makes one.
struct Scenario {
  std::uint64_t seed = 0;
  Mode mode = Mode::kExclusive;
  std::size_t members = 1;  ///< processes at a time; the others of an exclusive consumer stand by
  DeliveryOptions flow{};

  std::size_t events = 0;
  std::uint64_t keys = 1;
  int priorities = 0;  ///< events have as many; 0: they do not begin by priority
  std::uint64_t unkeyed_per_mille = 0;
  bool hot_key = false;                      ///< half of all have the first key
  bool colliding_keys = false;               ///< two keys each have the same hash
  std::uint64_t stored_twice_per_mille = 0;  ///< events with a key
  std::chrono::microseconds publish_pause{};
  std::size_t smallest = 1, largest = 1;  ///< bytes

  std::size_t actors = 1;
  std::size_t inbox = 1;
  std::chrono::microseconds shortest{}, longest{};  ///< handlers
  std::uint64_t fail_per_mille = 0, throw_per_mille = 0, reject_per_mille = 0, poison_per_mille = 0, slow_per_mille = 0,
                defer_per_mille = 0;

  std::chrono::milliseconds time_limit{0};  ///< of handlers, in 3 of 11 seeds; 0: none
  Expiry expiry{};                          ///< in 3 of 13 seeds
  std::uint64_t expires_per_mille = 0;      ///< events that have a time of their own, in the same seeds

  std::uint64_t cancel_per_mille = 0;   ///< events that somebody wants cancelled, in every sixth seed
  std::uint64_t delayed_per_mille = 0;  ///< events that are published later, in every fourth seed
  std::size_t relay_bytes = 0, relay_window = 1;

  std::chrono::microseconds network_shortest{}, network_longest{};
  std::uint64_t late_per_mille = 0;         ///< actions that are carried out after other events
  std::chrono::microseconds fault_pause{};  ///< between faults; 0: none
  std::uint64_t redrives = 0;               ///< operators' rounds while there are faults
  bool redrive_all = true;                  ///< in the end, until no letter is left
  bool clustered = false;                   ///< three servers, and ownership is proven by a quorum
  bool forgets_unheard = false;             ///< as 2.10.27
  bool elects_old = false;                  ///< a new leader may lack seconds of acknowledgements

  bool cancels() const { return cancel_per_mille > 0; }
  bool delays() const { return delayed_per_mille > 0; }
  bool by_priority() const { return priorities > 0; }
  /// Of a pool that has fewer workers than actors.
  std::size_t workers() const { return (actors + 1) / 2; }
  bool has_faults() const { return fault_pause.count() > 0; }
  bool keeps_letters() const { return flow.acknowledges && flow.after_dead_letter != AfterDeadLetter::kBlock; }
  bool quarantines() const { return flow.acknowledges && flow.after_dead_letter == AfterDeadLetter::kQuarantine; }

  std::size_t first_window() const {
    return FlowControlWindow(flow.max_in_flight, flow.max_bytes, flow.largest_message).size();
  }

  std::string Describe() const;
};

Scenario DrawScenario(std::uint64_t seed);

}  // namespace penstock::eventbus::simulation
