// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/recent_acks.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus::jetstream {

void RecentAcks::Age() {
  MutexLock lock(mutex_);
  if (young_.empty()) return;
  old_ = std::exchange(young_, {});
}

std::vector<std::uint64_t> RecentAcks::After(std::uint64_t floor) const {
  MutexLock lock(mutex_);
  std::vector<std::uint64_t> sequences = old_;
  sequences.insert(sequences.end(), young_.begin(), young_.end());
  std::erase_if(sequences, [floor](std::uint64_t each) { return each <= floor; });
  std::sort(sequences.begin(), sequences.end());
  return sequences;
}

}  // namespace penstock::eventbus::jetstream
