// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

#include "scenarios/gate.h"
#include "scenarios/scenario.h"

namespace penstock::testing {

/// The aggregate IDs of events in the order in which their handlers began. Thread-safe.
class TurnOrder {
 public:
  void Add(const std::string& key) {
    std::lock_guard<std::mutex> lock(mutex_);
    keys_.push_back(key);
  }
  std::vector<std::string> keys() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return keys_;
  }
  bool Reaches(std::size_t count) const {
    return Eventually([&] { return keys().size() >= count; }, kPatience);
  }
  /// How many began before the first event of that aggregate.
  std::size_t Before(const std::string& key) const {
    const std::vector<std::string> all = keys();
    return static_cast<std::size_t>(std::ranges::find(all, key) - all.begin());
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> keys_;
};

/// A scenario whose only worker waits at a gate in the first event that it handles, so that what is published meanwhile
/// is ready when the gate opens.
class OneBusyWorker : public EveryTransport {
 protected:
  std::unique_ptr<EventBus> ConnectOneWorker() {
    BusOptions options = Options();
    options.pool.workers = 1;
    return Scenario::Connect(options);
  }
  /// Notes its events, and waits at the gate in those of aggregate "gate".
  EnvelopeHandler Noting() {
    return [this](const Envelope& event, const Delivery&) {
      order_.Add(event.aggregate_id);
      if (event.aggregate_id == "gate") gate_.opened().wait();
      return Ack();
    };
  }
  static void Send(EventBus& bus, std::string_view topic, const std::string& key, PublishOptions options = {}) {
    ASSERT_THAT(bus.PublishEnvelope(topic, Event(key, "0"), std::move(options)), IsOk());
  }
  static void SendMany(EventBus& bus, std::string_view topic, const std::string& prefix, int count,
                       const PublishOptions& options = {}) {
    for (int i = 0; i < count; ++i) Send(bus, topic, prefix + std::to_string(i), options);
  }
  /// Until so many events are in hand, of all subscriptions.
  static bool Holds(const EventBus& bus, std::size_t count) {
    return Eventually(
        [&] {
          std::size_t in_hand = 0;
          for (const auto& each : bus.Stats().subscriptions) in_hand += each.in_flight;
          return in_hand == count;
        },
        kPatience);
  }

  // What waits in the handler of "gate" outlives the bus.
  TurnOrder order_;
  Gate gate_;
};

}  // namespace penstock::testing
