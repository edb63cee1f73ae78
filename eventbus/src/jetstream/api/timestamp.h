// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace penstock::eventbus::jetstream {

/// The whole seconds of a time as the server writes it, `2006-01-02T15:04:05[.999999999]Z`. Nothing when it is another
/// text.
std::optional<std::chrono::sys_seconds> ParseTimestamp(std::string_view text);

/// The same with its fraction, of up to nine digits. Nothing also for a time that `system_clock` cannot hold: before
/// the year 1678, after 2261.
std::optional<std::chrono::system_clock::time_point> ParseInstant(std::string_view text);

}  // namespace penstock::eventbus::jetstream
