// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// Adds the counters, and takes over topic and durable. Gauges, pattern and ID are left alone.
void AddCounters(const SubscriptionStats& from, SubscriptionStats& to);

}  // namespace penstock::eventbus
