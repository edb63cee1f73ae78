// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"
#include "clock.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

class Actor;

/// An accepted message on its way to its actor.
struct Task {
  Task(Message& message, TimePoint now, Actor& whose)
      : work(std::move(message.work)), settled(std::move(message.settled)), accepted(now), actor(&whose) {}

  absl::AnyInvocable<absl::Status()> work;
  absl::AnyInvocable<void(const Settlement&)> settled;
  TimePoint accepted;
  Actor* actor;
};

}  // namespace penstock::actorpool
