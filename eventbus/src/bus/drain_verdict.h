// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

/// The facts that a drain is judged by.
struct DrainFacts {
  bool finished = false;    ///< nothing was left but what can only be handed back
  bool told = false;        ///< the server was told of all that was finished, before anything was handed back
  bool taken_over = false;  ///< by another process, while it drained
  bool in_doubt = false;    ///< acknowledgements that are sent once may have been lost with a connection
  absl::Status flushed{};   ///< what was sent last
};

/// Fills in `status` and `orderly` of a report that has its counts. Pure.
inline void Judge(const DrainFacts& facts, DrainReport& report) {
  report.orderly = facts.told && !facts.taken_over && !facts.in_doubt && facts.flushed.ok() && report.abandoned == 0;
  const auto say = [&report](absl::StatusCode code, const std::string& why) {
    report.status = absl::Status(
        code, absl::StrFormat("drain: %s; finished %d messages, handed back %d, left %d to handlers that still run",
                              why, report.finished, report.handed_back, report.abandoned));
  };
  using enum absl::StatusCode;
  if (facts.taken_over)
    return say(kAborted, "another process took over meanwhile; what was finished last may run again");
  if (!facts.told) {
    return say(kUnavailable, "the connection was lost and not back in time; what was finished last may run again");
  }
  if (!facts.finished) return say(kDeadlineExceeded, "the time was up");
  if (!facts.flushed.ok()) return say(facts.flushed.code(), std::string(facts.flushed.message()));
  if (facts.in_doubt)
    return say(kUnavailable, "the connection was lost meanwhile; what was finished then may run again");
  report.status = absl::OkStatus();
}

}  // namespace penstock::eventbus
