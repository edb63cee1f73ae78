// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "chaos/tasks/task_actor.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::chaos {

/// Hosts the actor on the bus, with a kept state of each key that counts its tasks. The handler behaves as
/// `BehaviourAt` says with `TaskSeed`, except that it rejects none. Once in a process; `books` must outlive the bus.
absl::Status HostTasks(EventBus& bus, std::uint64_t seed, const TaskBooks& books);

}  // namespace penstock::chaos
