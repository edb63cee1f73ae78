// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "absl/status/statusor.h"
#include "penstock/eventbus/cancel.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// Stores a request to cancel an event, and waits for its answer: see `EventBus::Cancel`.
absl::StatusOr<Cancelled> RequestCancel(EventBus& bus, std::string_view topic, std::string_view durable,
                                        std::string_view event_id, std::chrono::milliseconds timeout,
                                        const CancelOptions& options);

}  // namespace penstock::eventbus
