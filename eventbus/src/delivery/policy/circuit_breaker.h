// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_set.h"
#include "delivery/in_flight_message.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// Tells a fault of one message from a fault that has nothing to do with messages: so many different ones failed in a
/// row. Then one at a time is tried, with growing pauses, until one succeeds. Thread-confined to its flow.
class CircuitBreaker {
 public:
  /// `after` 0: never.
  CircuitBreaker(std::size_t after, const RetryPolicy& retry) : after_(after), retry_(retry) {}

  /// During an outage only the failure of what was tried (`probe`) counts.
  void Failed(std::uint64_t sequence, bool probe, TimePoint now);

  /// True when that ends an outage.
  bool Succeeded();

  bool open() const { return open_; }

  /// When the next message may be tried. Only while `on`.
  TimePoint next_probe() const { return next_probe_; }
  /// One is being tried: no other until it failed.
  void Probe() { next_probe_ = TimePoint::max(); }
  /// The one that was being tried did not run.
  void ProbeAgain(TimePoint now) { next_probe_ = now + pause_; }

 private:
  static constexpr std::chrono::milliseconds kShortestPause{10};

  const std::size_t after_;
  const RetryPolicy retry_;
  bool open_ = false;
  absl::flat_hash_set<std::uint64_t> failed_;  // since the last success
  std::chrono::milliseconds pause_{0};
  TimePoint next_probe_{};
};

}  // namespace penstock::eventbus
