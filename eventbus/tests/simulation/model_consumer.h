// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "jetstream/ownership/outstanding_deliveries.h"
#include "jetstream/consume/pull_flow_control.h"
#include "simulation/network.h"
#include "transport/transport.h"

namespace penstock::eventbus::simulation {

/// A consumer as `PushConsumer` and `PullConsumer` are, on the model network: a new inbox for each synchronisation,
/// answers that are lost with their connection, acknowledgements that end with their consumer.
///
/// Thread-compatible. The network and event_queue must outlive it.
class ModelConsumer {
 public:
  struct Events {
    std::function<void(const std::vector<ModelMessage::Facts>& messages)> on_messages{};
    std::function<void()> on_stream_recreated{};
    std::function<void()> on_ownership_lost{};
    std::function<void()> on_consumer_recreated{};
  };

  ModelConsumer(const Scenario& scenario, EventQueue& event_queue, Random random, Network& network, Trace& trace,
                Events events);

  /// Takes a new inbox, as soon as it can be had.
  void Synchronise(std::chrono::microseconds after);

  /// Some times a second.
  void Tick() { Ask(); }

  void AddCredit(std::size_t count);
  void SetWindow(std::size_t window);
  void Acknowledge(const StoredMessage& message, AckType type);
  bool MayHandle() const;
  void StopArrivals() { arriving_ = false; }
  void Stop();

  void Receive(std::size_t inbox, const std::vector<ModelMessage::Facts>& messages);

  // Faults.
  void Cut();                       ///< the connection breaks, and it shows
  void FallSilent();                ///< the connection is dead, which shows later
  void LoseOne() { lose_ = true; }  ///< the next message is lost, which shows with the one after it
  void ConsumerGone();
  void ServerPaused();

  /// Whether an answer to it can mean something to the server: it has come on this inbox, or it would.
  bool MayAnswer(std::uint64_t sequence) const { return arriving_ || came_.contains(sequence); }
  bool flowing() const { return inbox_ != 0; }
  /// Since when messages and answers go through undisturbed; the maximum when they do not.
  TimePoint undisturbed_since() const { return undisturbed_since_; }

 private:
  static constexpr std::chrono::seconds kLease{1};

  void Try(std::uint64_t attempt);
  bool MayTake();
  void Flow(bool made);
  std::uint64_t WhereToBegin() const;
  void Withdraw();
  void Ask();
  void TellOwnershipLost();

  const Scenario& scenario_;
  EventQueue& event_queue_;
  Random random_;
  Network& network_;
  Trace& trace_;
  const Events events_;

  jetstream::PullFlowControl credit_;
  jetstream::OutstandingDeliveries outstanding_{};
  std::size_t inbox_ = 0;
  std::set<std::uint64_t> came_{};  // on this inbox
  std::size_t window_;
  std::uint64_t attempt_ = 0;  // an older one is not to go on
  std::uint64_t incarnation_ = 0;
  std::uint64_t stream_generation_ = 0;
  TimePoint silent_since_ = TimePoint::max();
  TimePoint undisturbed_since_ = TimePoint::max();
  TimePoint vacant_since_ = TimePoint::max();
  bool arriving_ = true;
  bool stopped_ = false;
  bool ownership_lost_ = false;
  bool lose_ = false;
};

}  // namespace penstock::eventbus::simulation
