// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace penstock::eventbus {

/// When a periodic message is due: five fields (minute, hour, day of the month, month, day of the week), as crontab(5)
/// has them, in a time zone. A value. Pure: knows no clock.
///
/// Of a time that a change of the clocks leaves out, the moment of the change stands for it; of one that it repeats,
/// the first counts.
class CronLine {
 public:
  using Time = std::chrono::system_clock::time_point;

  /// Fields of numbers, `*`, ranges, lists and steps; names of months and days; `@hourly`, `@daily`, `@midnight`,
  /// `@weekly`, `@monthly`, `@yearly`, `@annually`. 0 and 7 are Sunday. If both days are restricted, either fits.
  /// `kInvalidArgument`, naming the field, also for one that never comes and for an unknown zone.
  static absl::StatusOr<CronLine> Parse(std::string_view line, std::string_view time_zone);

  /// The first time after `time`.
  Time Next(Time time) const;

 private:
  enum Field { kMinute, kHour, kDay, kMonth, kWeekday, kFields };
  struct FieldRule;
  static const std::array<FieldRule, kFields> kRules;

  absl::Status ParseFields(std::string_view line);
  bool IsDay(absl::CivilDay day) const;
  /// The first civil minute from `minute` on that fits; none within ten years.
  std::optional<absl::CivilMinute> FirstFrom(absl::CivilMinute minute) const;

  std::array<std::bitset<60>, kFields> fields_{};
  bool any_day_ = false, any_weekday_ = false;  // `*`: the other one decides
  absl::TimeZone zone_{};
};

}  // namespace penstock::eventbus
