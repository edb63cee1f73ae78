// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "penstock/actorpool/stream_registry.h"

namespace penstock::actorpool {

/// The depths at which a queue becomes nearly full, stops being so, and is full. Without a bound it is never either.
struct QueueMarks {
  explicit QueueMarks(const StreamOptions& options) {
    if (options.capacity == StreamOptions::kUnbounded) return;
    const auto whole = static_cast<double>(options.capacity);
    full = options.capacity;
    near_full =
        std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::ceil(whole * options.near_full_from)), 1, full);
    relieved = std::min(static_cast<std::uint64_t>(whole * options.near_full_until), near_full - 1);
  }

  std::uint64_t full = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t near_full = full;
  std::uint64_t relieved = 0;
};

}  // namespace penstock::actorpool
