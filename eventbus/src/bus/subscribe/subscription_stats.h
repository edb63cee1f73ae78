// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "delivery/delivery_state_machine.h"
#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// Fills in what the delivery logic knows.
void FillIn(const DeliveryStateMachine& flow, SubscriptionStats& stats);

/// Adds the counters, and takes over topic and durable. Gauges and ID are left alone.
void AddCounters(const SubscriptionStats& from, SubscriptionStats& to);

}  // namespace penstock::eventbus
