// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Remembers which messages were acknowledged last, since a server may not have noted it yet: it writes
/// acknowledgements down some times a second, and loses those under way when it is killed or no longer the leader. So
/// they can be sent again. Thread-safe.
class RecentAcks {
 public:
  /// Acknowledgements in `epoch`; those of another than the last `Clear` was told mean other messages, and are ignored.
  void Sent(std::span<const std::uint64_t> sequences, std::uint64_t epoch = 0) {
    MutexLock lock(mutex_);
    if (epoch != epoch_) return;
    young_.insert(young_.end(), sequences.begin(), sequences.end());
  }

  /// To be called every `ownership_time::kAckMemory`: what was sent before the last call but one is forgotten, unless
  /// nothing was sent since.
  void Age();

  /// In stream order, those after `floor`.
  std::vector<std::uint64_t> After(std::uint64_t floor) const;

  void Clear(std::uint64_t epoch = 0) {
    MutexLock lock(mutex_);
    epoch_ = epoch;
    old_.clear();
    young_.clear();
  }

 private:
  mutable Mutex mutex_;
  std::uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::uint64_t> old_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> young_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus::jetstream
