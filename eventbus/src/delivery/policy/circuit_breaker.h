// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "delivery/in_flight_message.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// Tells a fault of single messages from an outage: the circuit opens when enough different messages fail in a row, and
/// closes with the next success. While it is open, one message at a time is tried (a probe), with growing pauses.
/// Thread-confined to its state machine.
class CircuitBreaker {
 public:
  /// Opens after the failures of `failure_threshold` messages; 0: never.
  CircuitBreaker(std::size_t failure_threshold, const RetryPolicy& retry)
      : threshold_(failure_threshold), retry_(retry) {}

  /// While the circuit is open, only the failure of a probe counts.
  void Failed(std::uint64_t sequence, bool probe, TimePoint now);

  /// True if that closes the circuit.
  bool Succeeded();

  bool open() const { return open_; }

  /// When the next message may be tried. Only while the circuit is open.
  TimePoint next_probe() const { return next_probe_; }
  /// A message is being tried: no other until it failed.
  void Probe() { next_probe_ = TimePoint::max(); }
  /// The message that was to be tried did not run.
  void ProbeAgain(TimePoint now) { next_probe_ = LaterBy(now, pause_); }

 private:
  static constexpr std::chrono::milliseconds kShortestPause{10};

  const std::size_t threshold_;
  const RetryPolicy retry_;
  bool open_ = false;
  absl::flat_hash_set<std::uint64_t> failed_;  // since the last success
  std::chrono::milliseconds pause_{0};
  TimePoint next_probe_{};
};

}  // namespace penstock::eventbus
