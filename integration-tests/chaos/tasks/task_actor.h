// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chaos/event_plan.h"
#include "chaos/ledger.h"
#include "penstock/eventbus/actor.h"

namespace penstock::chaos {

/// A task as it is sent: what `Payload` writes with `TaskSeed`.
struct TaskMessage {
  std::string payload{};
};

}  // namespace penstock::chaos

template <>
struct penstock::Codec<penstock::chaos::TaskMessage> {
  static std::string Type() { return "ChaosTask"; }
  static std::int64_t Version() { return 1; }
  static std::string_view ContentType() { return "text/plain"; }
  static absl::StatusOr<std::string> Encode(const penstock::chaos::TaskMessage& task) { return task.payload; }
  static absl::StatusOr<penstock::chaos::TaskMessage> Decode(std::string_view payload) {
    return penstock::chaos::TaskMessage{std::string(payload)};
  }
};

namespace penstock::chaos {

/// The declaration of the actor, the same in all processes: it keeps a state of each key, and results. `around` is
/// around its handler.
Actor<TaskMessage> TaskActor(std::vector<std::shared_ptr<Middleware>> around = {});

/// The value that a handler returns: the task, and the number of tasks of its key that the key's state has seen.
std::string TaskValue(std::uint64_t seed, EventRef task, std::uint64_t counted);

/// The count that `TaskValue` was given for that task; nothing for any other bytes.
std::optional<std::uint64_t> ReadTaskValue(std::uint64_t seed, EventRef task, std::string_view value);

/// The books of a process that sends, awaits or handles tasks. Thread-safe.
class TaskBooks {
 public:
  TaskBooks(const LedgerWriter& ledger, std::uint16_t incarnation) : ledger_(ledger), incarnation_(incarnation) {}

  /// Times and incarnation are filled in.
  void Write(TaskRecord record) const;

 private:
  const LedgerWriter& ledger_;
  const std::uint16_t incarnation_;
};

/// Nanoseconds of the system clock.
std::int64_t WallNow();

}  // namespace penstock::chaos
