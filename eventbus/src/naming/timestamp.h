// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::eventbus {

/// Whether an envelope can carry it: the years 1678 to 2261.
bool IsTimestampInRange(std::chrono::system_clock::time_point time);

/// The time of so many seconds and nanoseconds (0 to 999,999,999) since the epoch. Go's zero time, year 1, means unset
/// and gives the epoch. Nothing when out of range.
std::optional<std::chrono::system_clock::time_point> TimestampFrom(std::int64_t seconds, std::int64_t nanoseconds);

/// RFC 3339 in UTC, as Go's RFC3339Nano: a fraction only when there is one, without trailing zeros.
std::string FormatTimestamp(std::chrono::system_clock::time_point time);

/// Reads RFC 3339 with any offset; `t` and `z` may be lower case. Of a fraction nine digits count, as in Go. Nothing
/// for all else, leap seconds included, and as `TimestampFrom`.
std::optional<std::chrono::system_clock::time_point> ParseTimestamp(std::string_view text);

}  // namespace penstock::eventbus
