// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "penstock/actorpool/log.h"

namespace penstock {

/// Writes lines of `minimum` and above to standard error, one line each, with the time in UTC:
/// `2026-01-31T12:00:00.000Z warning text`. Control characters in the text are escaped, so that nobody can forge a
/// line. Thread-safe.
LogSink MakeStderrLog(LogLevel minimum);

}  // namespace penstock
