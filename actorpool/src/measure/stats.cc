// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace penstock::actorpool {

double LatencySnapshot::Quantile(double quantile) const {
  if (count == 0) return 0;
  const double share = quantile > 0 ? std::min(quantile, 1.0) : 0.0;
  const double rank = std::max(1.0, std::ceil(share * static_cast<double>(count)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kUpperBoundsSeconds.size(); ++i) {
    seen += counts[i];
    if (static_cast<double>(seen) >= rank) return kUpperBoundsSeconds[i];
  }
  return std::numeric_limits<double>::infinity();
}

ActorStats PoolStats::Total() const {
  ActorStats total;
  for (const ActorStats& actor : actors) {
    total.sent += actor.sent;
    total.succeeded += actor.succeeded;
    total.failed += actor.failed;
    total.restarts += actor.restarts;
    total.suspensions += actor.suspensions;
    total.inbox_full += actor.inbox_full;
    total.inbox_depth += actor.inbox_depth;
    total.inbox_depth_highest = std::max(total.inbox_depth_highest, actor.inbox_depth_highest);
  }
  return total;
}

}  // namespace penstock::actorpool
