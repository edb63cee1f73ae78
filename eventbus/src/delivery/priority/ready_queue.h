// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/functional/function_ref.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

/// The first messages of keys, ready to begin, by rank and by how long they have been ready. Refers to messages by
/// address. Pure. Thread-confined to its state machine.
class ReadyQueue {
 public:
  using MayBegin = absl::FunctionRef<bool(const InFlightMessage&)>;

  /// `item.rank` is set. It is the last of its rank.
  void Add(InFlightMessage& item, TimePoint now) {
    item.ready_since = now;
    item.ready_number = ++last_;
    Insert(item);
  }
  /// Its rank is another now; how long it has waited is not.
  void SetRank(InFlightMessage& item, int rank) {
    by_rank_.erase(PlaceOf(item));
    item.rank = rank;
    by_rank_.emplace(PlaceOf(item), &item);
  }
  void Remove(const InFlightMessage& item) {
    by_rank_.erase(PlaceOf(item));
    by_age_.erase(item.ready_number);
  }
  void Clear() {
    by_rank_.clear();
    by_age_.clear();
  }

  /// The one with the highest rank, of equals the one that has waited longest, that may begin; null if none may.
  InFlightMessage* Highest(MayBegin may_begin) const { return First(by_rank_, may_begin); }
  /// The one that has waited longest of those that may begin; null if none may.
  InFlightMessage* Oldest(MayBegin may_begin) const { return First(by_age_, may_begin); }
  /// Any; null when it is empty.
  InFlightMessage* Any() const { return by_age_.empty() ? nullptr : by_age_.begin()->second; }

  bool empty() const { return by_age_.empty(); }

 private:
  using Place = std::pair<int, std::uint64_t>;  // the highest rank first
  static Place PlaceOf(const InFlightMessage& item) { return {-item.rank, item.ready_number}; }

  void Insert(InFlightMessage& item) {
    by_rank_.emplace(PlaceOf(item), &item);
    by_age_.emplace(item.ready_number, &item);
  }

  template <typename Map>
  static InFlightMessage* First(const Map& map, MayBegin may_begin) {
    for (const auto& [place, item] : map) {
      if (may_begin(*item)) return item;
    }
    return nullptr;
  }

  std::map<Place, InFlightMessage*> by_rank_;
  std::map<std::uint64_t, InFlightMessage*> by_age_;
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus
