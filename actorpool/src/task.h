// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"
#include "clock.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

class Actor;

/// An accepted message on its way to its actor. Refers to the actor, which outlives it.
struct Task {
  Task(Message& message, TimePoint now, Actor& target)
      : work(std::move(message.work)), settled(std::move(message.settled)), accepted(now), actor(&target) {}

  absl::AnyInvocable<absl::Status()> work;
  absl::AnyInvocable<void(const Completion&)> settled;
  TimePoint accepted;
  Actor* actor;
};

}  // namespace penstock::actorpool
