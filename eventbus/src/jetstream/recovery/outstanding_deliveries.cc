// SPDX-License-Identifier: Apache-2.0
#include "jetstream/recovery/outstanding_deliveries.h"

namespace penstock::eventbus::jetstream {

void OutstandingDeliveries::StartAfter(std::uint64_t floor) {
  MutexLock lock(mutex_);
  open_.clear();
  highest_ = floor;
}

void OutstandingDeliveries::AnotherStandsAt(std::uint64_t floor) { StartAfter(floor); }

}  // namespace penstock::eventbus::jetstream
