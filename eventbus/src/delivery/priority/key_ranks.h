// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

#include "absl/container/flat_hash_map.h"

namespace penstock::eventbus {

/// The priorities of the messages of each key that are in hand. The first message of a key has the highest of them:
/// what waits behind it would otherwise wait for everything that is more urgent than that first message (priority
/// inheritance). Pure. Thread-confined to its state machine.
class KeyRanks {
 public:
  void Add(std::uint64_t key_hash, int priority) { ++keys_[key_hash][priority]; }

  /// A message that was added before has left.
  void Remove(std::uint64_t key_hash, int priority) {
    const auto key = keys_.find(key_hash);
    const auto rank = key->second.find(priority);
    if (--rank->second == 0) key->second.erase(rank);
    if (key->second.empty()) keys_.erase(key);
  }

  /// Of a key that has messages.
  int Highest(std::uint64_t key_hash) const { return std::prev(keys_.at(key_hash).end())->first; }

  void Clear() { keys_.clear(); }
  bool empty() const { return keys_.empty(); }

 private:
  absl::flat_hash_map<std::uint64_t, std::map<int, std::size_t>> keys_;  // how many have a priority, by key hash
};

}  // namespace penstock::eventbus
