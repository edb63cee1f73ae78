// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

namespace penstock {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where log lines go. Called from any thread, possibly several at once; it must be thread-safe, must not throw and
/// should not block. Never receives payloads or secrets. An empty sink discards.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

}  // namespace penstock
