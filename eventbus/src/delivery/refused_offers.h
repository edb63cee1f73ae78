// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// Messages that their actor's inbox had no room for, in the order in which they were refused. Thread-confined to its
/// state machine.
class RefusedOffers {
 public:
  void Add(InFlightMessage& item) {
    by_lane_[item.lane].push_back(&item);
    ++count_;
  }

  /// The first one for that actor (`InFlightMessage::kAnyLane`: of those without a key); null when there is none.
  InFlightMessage* Take(std::size_t lane) {
    const auto found = by_lane_.find(lane);
    if (found == by_lane_.end()) return nullptr;
    InFlightMessage* const item = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) by_lane_.erase(found);
    --count_;
    return item;
  }

  /// The actors with a refused message, ascending.
  std::vector<std::size_t> Lanes() const {
    std::vector<std::size_t> lanes;
    for (const auto& [lane, waiting] : by_lane_) lanes.push_back(lane);
    std::sort(lanes.begin(), lanes.end());
    return lanes;
  }

  void Clear() {
    by_lane_.clear();
    count_ = 0;
  }

  bool empty() const { return count_ == 0; }

 private:
  absl::flat_hash_map<std::size_t, std::deque<InFlightMessage*>> by_lane_;
  std::size_t count_ = 0;
};

}  // namespace penstock::eventbus
