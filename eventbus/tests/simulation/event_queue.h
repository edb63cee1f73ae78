// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus::simulation {

/// The time as clocks on the wall have it.
inline std::chrono::system_clock::time_point WallTime(TimePoint time) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(time.time_since_epoch()));
}

/// Virtual time and the events in it. Events of the same time happen in the order in which they were added.
/// Thread-compatible.
class EventQueue {
 public:
  TimePoint now() const { return now_; }

  void At(TimePoint when, std::function<void()> what) {
    entries_.push_back({std::max(when, now_), ++last_, std::move(what)});
    std::push_heap(entries_.begin(), entries_.end());
  }
  void After(std::chrono::nanoseconds delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }

  /// Lets the next thing happen. False when there is nothing left.
  bool Step() {
    if (entries_.empty()) return false;
    std::pop_heap(entries_.begin(), entries_.end());
    Entry entry = std::move(entries_.back());
    entries_.pop_back();
    now_ = entry.when;
    entry.what();
    return true;
  }

 private:
  struct Entry {
    TimePoint when{};
    std::uint64_t number = 0;
    std::function<void()> what{};

    bool operator<(const Entry& other) const { return when != other.when ? when > other.when : number > other.number; }
  };

  TimePoint now_{std::chrono::seconds{1000}};
  std::uint64_t last_ = 0;
  std::vector<Entry> entries_;  // a heap, the next one first
};

}  // namespace penstock::eventbus::simulation
