// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "penstock/actorpool/log.h"

namespace penstock::eventbus::jetstream {

/// Hands a line to the sink, if there is one. Never under a lock.
inline void LogLine(const LogSink& sink, LogLevel level, std::string_view line) {
  if (sink) sink(level, line);
}

}  // namespace penstock::eventbus::jetstream
