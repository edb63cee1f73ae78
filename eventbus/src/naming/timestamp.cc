// SPDX-License-Identifier: Apache-2.0
#include "naming/timestamp.h"

#include <algorithm>
#include <array>
#include <cstdio>

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

/// Takes RFC 3339 apart from left to right; after the first surprise everything fails.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  int Number(std::size_t digits) {
    if (text_.size() < digits || !std::ranges::all_of(text_.substr(0, digits), IsDigit)) return Fail();
    int value = 0;
    for (const char c : text_.substr(0, digits)) value = value * 10 + (c - '0');
    text_.remove_prefix(digits);
    return value;
  }

  int NumberUpTo(std::size_t digits, int most) {
    const int value = Number(digits);
    return value <= most ? value : Fail();
  }

  bool Skip(char expected) {
    if (text_.empty() || text_.front() != expected) return false;
    text_.remove_prefix(1);
    return true;
  }

  void Expect(char expected) {
    if (!Skip(expected)) Fail();
  }

  std::int64_t Fraction() {
    if (!Skip('.')) return 0;
    const auto end = std::ranges::find_if_not(text_, IsDigit);
    const auto digits = static_cast<std::size_t>(end - text_.begin());
    if (digits == 0 || digits > 9) return Fail();
    std::int64_t value = Number(digits);
    for (std::size_t i = digits; i < 9; ++i) value *= 10;
    return value;
  }

  seconds Offset() {
    if (Skip('Z')) return seconds{0};
    const bool west = Skip('-');
    if (!west) Expect('+');
    const int hours = NumberUpTo(2, 23);
    Expect(':');
    const seconds offset = std::chrono::hours{hours} + std::chrono::minutes{NumberUpTo(2, 59)};
    return west ? -offset : offset;
  }

  bool finished() const { return !failed_ && text_.empty(); }

 private:
  int Fail() {
    failed_ = true;
    text_ = {};
    return 0;
  }

  std::string_view text_;
  bool failed_ = false;
};

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
  const sys_days day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<nanoseconds> clock{time - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  std::string out(text.data());
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out += 'Z';
}

std::optional<system_clock::time_point> ParseTimestamp(std::string_view text) {
  Scanner scanner(text);
  const year y{scanner.Number(4)};
  scanner.Expect('-');
  const std::chrono::month m{static_cast<unsigned>(scanner.Number(2))};
  scanner.Expect('-');
  const std::chrono::year_month_day date{y, m, std::chrono::day{static_cast<unsigned>(scanner.Number(2))}};
  scanner.Expect('T');
  seconds clock = std::chrono::hours{scanner.NumberUpTo(2, 23)};
  scanner.Expect(':');
  clock += std::chrono::minutes{scanner.NumberUpTo(2, 59)};
  scanner.Expect(':');
  clock += seconds{scanner.NumberUpTo(2, 59)};
  const std::int64_t fraction = scanner.Fraction();
  const seconds offset = scanner.Offset();
  if (!scanner.finished() || !date.ok()) return std::nullopt;
  const sys_seconds time = sys_days{date} + clock - offset;
  return TimestampFrom(time.time_since_epoch().count(), fraction);
}

}  // namespace penstock::eventbus
