// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Remembers which messages were acknowledged last, since a server may not have noted it yet: it writes
/// acknowledgements down some times a second, and loses those under way when it is killed or no longer the leader. So
/// they can be sent again. Thread-safe.
class RecentAcks {
 public:
  void Sent(std::span<const std::uint64_t> sequences) {
    MutexLock lock(mutex_);
    young_.insert(young_.end(), sequences.begin(), sequences.end());
  }

  /// To be called from time to time: what was sent before the last call but one is forgotten, unless nothing was sent
  /// since.
  void Age() {
    MutexLock lock(mutex_);
    if (young_.empty()) return;
    old_ = std::exchange(young_, {});
  }

  /// In stream order, those after `floor`.
  std::vector<std::uint64_t> After(std::uint64_t floor) const {
    MutexLock lock(mutex_);
    std::vector<std::uint64_t> sequences = old_;
    sequences.insert(sequences.end(), young_.begin(), young_.end());
    std::erase_if(sequences, [floor](std::uint64_t each) { return each <= floor; });
    std::sort(sequences.begin(), sequences.end());
    return sequences;
  }

  void Clear() {
    MutexLock lock(mutex_);
    old_.clear();
    young_.clear();
  }

 private:
  mutable Mutex mutex_;
  std::vector<std::uint64_t> old_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> young_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
