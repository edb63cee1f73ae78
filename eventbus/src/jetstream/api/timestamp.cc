// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/timestamp.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kShape = "0000-00-00T00:00:00";

// Between these a time with any fraction fits `system_clock`.
constexpr std::chrono::sys_seconds kFirst =
    std::chrono::ceil<std::chrono::seconds>(std::chrono::system_clock::time_point::min());
constexpr std::chrono::sys_seconds kEnd =
    std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::time_point::max());

}  // namespace

std::optional<std::chrono::sys_seconds> ParseTimestamp(std::string_view text) {
  if (text.size() <= kShape.size() || text.back() != 'Z') return std::nullopt;
  std::array<unsigned, 6> numbers{};
  std::size_t field = 0;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (digit != (kShape[i] == '0') || (!digit && text[i] != kShape[i])) return std::nullopt;
    if (digit) {
      numbers[field] = numbers[field] * 10 + static_cast<unsigned>(text[i] - '0');
    } else {
      ++field;
    }
  }
  const std::chrono::year_month_day day(std::chrono::year(static_cast<int>(numbers[0])), std::chrono::month(numbers[1]),
                                        std::chrono::day(numbers[2]));
  if (!day.ok()) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(numbers[3]) + std::chrono::minutes(numbers[4]) +
         std::chrono::seconds(numbers[5]);
}

std::optional<std::chrono::system_clock::time_point> ParseInstant(std::string_view text) {
  constexpr std::size_t kMostDigits = 9;
  const auto seconds = ParseTimestamp(text);
  if (!seconds || *seconds < kFirst || *seconds >= kEnd) return std::nullopt;
  std::string_view fraction = text.substr(kShape.size());
  fraction.remove_suffix(1);
  if (fraction.empty()) return *seconds;
  fraction.remove_prefix(1);
  if (text[kShape.size()] != '.' || fraction.empty() || fraction.size() > kMostDigits) return std::nullopt;
  std::int64_t nanoseconds = 0;
  for (std::size_t i = 0; i < kMostDigits; ++i) {
    const char digit = i < fraction.size() ? fraction[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    nanoseconds = nanoseconds * 10 + (digit - '0');
  }
  return *seconds + std::chrono::nanoseconds(nanoseconds);
}

}  // namespace penstock::eventbus::jetstream
