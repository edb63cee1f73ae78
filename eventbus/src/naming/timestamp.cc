// SPDX-License-Identifier: Apache-2.0
#include "naming/timestamp.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "naming/decimal.h"

namespace penstock::eventbus {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;
using std::chrono::system_clock;
using std::chrono::year;

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr sys_days kFirst{year{1678} / 1 / 1};
constexpr sys_days kEnd{year{2262} / 1 / 1};
constexpr sys_days kGoZero{year{1} / 1 / 1};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Whether `text` is as `form`, in which 0 stands for any digit.
bool HasForm(std::string_view text, std::string_view form) {
  return std::ranges::equal(text, form,
                            [](char c, char as) { return as == '0' ? IsDigit(c) : absl::ascii_toupper(c) == as; });
}

// The number at a place that is known to have one.
int NumberAt(std::string_view text, std::size_t begin, std::size_t digits = 2) {
  return ParseDecimal<int>(text.substr(begin, digits)).value_or(0);
}

std::optional<seconds> HourAndMinuteAt(std::string_view text, std::size_t begin) {
  const int hour = NumberAt(text, begin), minute = NumberAt(text, begin + 3);
  if (hour > 23 || minute > 59) return std::nullopt;
  return std::chrono::hours{hour} + std::chrono::minutes{minute};
}

// Takes the fraction, if there is one, off `text`: in nanoseconds, or nothing when it is none.
std::optional<std::int64_t> TakeFraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  const auto digits = static_cast<std::size_t>(std::ranges::find_if_not(text, IsDigit) - text.begin());
  if (digits == 0) return std::nullopt;
  std::string nine(text.substr(0, digits));
  nine.resize(9, '0');
  text.remove_prefix(digits);
  return ParseDecimal<std::int64_t>(nine);
}

std::optional<seconds> OffsetOf(std::string_view text) {
  if (text == "Z" || text == "z") return seconds{0};
  if (HasForm(text, "+00:00")) return HourAndMinuteAt(text, 1);
  if (!HasForm(text, "-00:00")) return std::nullopt;
  const std::optional<seconds> west = HourAndMinuteAt(text, 1);
  return west ? std::optional(-*west) : std::nullopt;
}

}  // namespace

bool IsTimestampInRange(system_clock::time_point time) { return time >= kFirst && time < kEnd; }

std::optional<system_clock::time_point> TimestampFrom(std::int64_t whole_seconds, std::int64_t fraction) {
  const sys_seconds time{seconds{whole_seconds}};
  if (fraction < 0 || fraction >= kNanosecondsPerSecond) return std::nullopt;
  if (time == kGoZero && fraction == 0) return system_clock::time_point{};
  if (time < kFirst || time >= kEnd) return std::nullopt;
  return std::chrono::time_point_cast<system_clock::duration>(time + nanoseconds{fraction});
}

std::string FormatTimestamp(system_clock::time_point time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", absl::FromChrono(time), absl::UTCTimeZone());
}

std::optional<system_clock::time_point> ParseTimestamp(std::string_view text) {
  constexpr std::string_view kToSeconds = "0000-00-00T00:00:00";
  if (!HasForm(text.substr(0, kToSeconds.size()), kToSeconds)) return std::nullopt;
  const std::chrono::year_month_day date{year{NumberAt(text, 0, 4)},
                                         std::chrono::month{static_cast<unsigned>(NumberAt(text, 5))},
                                         std::chrono::day{static_cast<unsigned>(NumberAt(text, 8))}};
  const std::optional<seconds> minute = HourAndMinuteAt(text, 11);
  const seconds second{NumberAt(text, 17)};
  text.remove_prefix(kToSeconds.size());
  const std::optional<std::int64_t> fraction = TakeFraction(text);
  const std::optional<seconds> offset = OffsetOf(text);
  if (!date.ok() || !minute || second.count() > 59 || !fraction || !offset) return std::nullopt;
  const sys_seconds time = sys_days{date} + *minute + second - *offset;
  return TimestampFrom(time.time_since_epoch().count(), *fraction);
}

}  // namespace penstock::eventbus
