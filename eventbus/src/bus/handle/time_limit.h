// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// The result of a handler that had to be back at `deadline` and was at `now`: what comes back too late counts as
/// failed, whatever it is. What did not run has no limit. Pure.
HandlerResult WithinLimit(HandlerResult result, TimePoint deadline, TimePoint now, std::chrono::milliseconds limit);

/// Sources of all that runs and is to be asked to stop at its deadline. Pure: no clock, no thread. Thread-compatible.
class Deadlines {
 public:
  using Place = std::pair<TimePoint, std::uint64_t>;

  Place Add(TimePoint deadline, std::stop_source source);
  /// It has ended; it may have been taken before.
  void Remove(const Place& place) { sources_.erase(place); }
  /// The first one whose deadline has come, removed. Nothing: none has.
  std::optional<std::stop_source> TakeDue(TimePoint now);
  /// The first deadline; the maximum when there is none.
  TimePoint next() const { return sources_.empty() ? TimePoint::max() : sources_.begin()->first.first; }

 private:
  std::map<Place, std::stop_source> sources_;
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus
