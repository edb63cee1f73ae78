// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "penstock/eventbus/bucket.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/liveness.h"

namespace penstock::eventbus {

/// See `EventBus::Liveness`.
absl::StatusOr<std::vector<WorkerLiveness>> ListWorkers(EventBus& bus, std::string_view bucket,
                                                        const BucketCallOptions& call);

}  // namespace penstock::eventbus
