// SPDX-License-Identifier: Apache-2.0
#include "cron/cron_line.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "naming/names.h"

namespace penstock::eventbus {

struct CronLine::FieldRule {
  const char* name;
  int least;
  int most;
  std::vector<std::string> words;  // of the values from `least` on
};

const std::array<CronLine::FieldRule, CronLine::kFields> CronLine::kRules = {{
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of the month", 1, 31, {}},
    {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
    {"day of the week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}};

namespace {

constexpr std::size_t kLongestLine = 256;
constexpr int kYears = 10;  // a leap day on a certain weekday may need more, and then never comes for our purpose

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {{{"@yearly", "0 0 1 1 *"},
                                                                                  {"@annually", "0 0 1 1 *"},
                                                                                  {"@monthly", "0 0 1 * *"},
                                                                                  {"@weekly", "0 0 * * 0"},
                                                                                  {"@daily", "0 0 * * *"},
                                                                                  {"@midnight", "0 0 * * *"},
                                                                                  {"@hourly", "0 * * * *"}}};

std::string_view Resolved(std::string_view line) {
  const auto word = std::ranges::find(kWords, line, &std::pair<std::string_view, std::string_view>::first);
  return word == kWords.end() ? line : word->second;
}

template <typename Rule>
std::optional<int> Value(const std::string& text, const Rule& rule) {
  const auto word = std::ranges::find(rule.words, absl::AsciiStrToLower(text));
  if (word != rule.words.end()) return rule.least + static_cast<int>(word - rule.words.begin());
  const bool digits = !text.empty() && std::ranges::all_of(text, absl::ascii_isdigit);
  int value = 0;
  if (!digits || !absl::SimpleAtoi(text, &value) || value < rule.least || value > rule.most) return std::nullopt;
  return value;
}

// One part of a list: `*`, `7`, `1-5`, each with or without `/2`.
template <typename Rule>
bool AddPart(const std::string& part, const Rule& rule, std::bitset<60>& to) {
  const std::vector<std::string> stepped = absl::StrSplit(part, '/');
  int step = 1;
  if (stepped.size() > 2) return false;
  if (stepped.size() == 2 && (!absl::SimpleAtoi(stepped[1], &step) || step < 1 || step > rule.most)) return false;
  const std::vector<std::string> ends = absl::StrSplit(stepped[0], '-');
  if (ends.size() > 2) return false;
  const bool all = stepped[0] == "*";
  const std::optional<int> first = all ? rule.least : Value(ends[0], rule);
  if (!first) return false;
  std::optional<int> last = all || (stepped.size() == 2 && ends.size() == 1) ? rule.most : first;
  if (ends.size() == 2) last = Value(ends[1], rule);
  if (!last || *last < *first) return false;
  for (int value = *first; value <= *last; value += step) to.set(static_cast<std::size_t>(value));
  return true;
}

}  // namespace

absl::StatusOr<CronLine> CronLine::Parse(std::string_view line, std::string_view time_zone) {
  if (line.size() > kLongestLine) return BadField("cron", "is over 256 bytes long");
  CronLine cron;
  if (absl::Status parsed = cron.ParseFields(Resolved(line)); !parsed.ok()) return parsed;
  // Names are looked for in files.
  const bool plain = time_zone.find("..") == time_zone.npos && !time_zone.starts_with('/') && !time_zone.empty();
  if (!plain || !absl::LoadTimeZone(std::string(time_zone), &cron.zone_)) {
    return BadField("time_zone",
                    absl::StrCat("is ", Quoted(time_zone),
                                 ", which is unknown here; use a name such as Europe/Berlin, and see to it "
                                 "that tzdata is installed"));
  }
  if (!cron.FirstFrom(absl::CivilMinute(2024, 1, 1)))
    return BadField("cron", absl::StrCat("is ", Quoted(line), ", which never comes"));
  return cron;
}

absl::Status CronLine::ParseFields(std::string_view line) {
  const std::vector<std::string> texts = absl::StrSplit(std::string(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (texts.size() != kFields) {
    return BadField("cron", absl::StrCat("is ", Quoted(line),
                                         "; use five fields: minute, hour, day of the month, month, day of the week"));
  }
  for (std::size_t i = 0; i < kFields; ++i) {
    const std::vector<std::string> parts = absl::StrSplit(texts[i], ',');
    for (const std::string& part : parts) {
      if (AddPart(part, kRules[i], fields_[i])) continue;
      return BadField("cron", absl::StrCat("has ", Quoted(part), " as ", kRules[i].name, "; use ", kRules[i].least,
                                           " to ", kRules[i].most));
    }
  }
  if (fields_[kWeekday][7]) fields_[kWeekday].set(0);
  any_day_ = texts[kDay].starts_with('*');
  any_weekday_ = texts[kWeekday].starts_with('*');
  return absl::OkStatus();
}

bool CronLine::IsDay(absl::CivilDay day) const {
  const bool month_day = fields_[kDay][static_cast<std::size_t>(day.day())];
  // absl's week begins with Monday.
  const std::size_t weekday = (static_cast<std::size_t>(absl::GetWeekday(day)) + 1) % 7;
  const bool week_day = fields_[kWeekday][weekday];
  return any_day_ || any_weekday_ ? month_day && week_day : month_day || week_day;
}

std::optional<absl::CivilMinute> CronLine::FirstFrom(absl::CivilMinute minute) const {
  const absl::CivilYear end = absl::CivilYear(minute) + kYears;
  while (absl::CivilYear(minute) < end) {
    if (!fields_[kMonth][static_cast<std::size_t>(minute.month())]) {
      minute = absl::CivilMinute(absl::CivilMonth(minute) + 1);
    } else if (!IsDay(absl::CivilDay(minute))) {
      minute = absl::CivilMinute(absl::CivilDay(minute) + 1);
    } else if (!fields_[kHour][static_cast<std::size_t>(minute.hour())]) {
      minute = absl::CivilMinute(absl::CivilHour(minute) + 1);
    } else if (!fields_[kMinute][static_cast<std::size_t>(minute.minute())]) {
      ++minute;
    } else {
      return minute;
    }
  }
  return std::nullopt;
}

CronLine::Time CronLine::Next(Time time) const {
  absl::CivilMinute minute = absl::ToCivilMinute(absl::FromChrono(time), zone_);
  while (const auto fits = FirstFrom(minute)) {
    const absl::TimeZone::TimeInfo when = zone_.At(absl::CivilSecond(*fits));
    const absl::Time at = when.kind == absl::TimeZone::TimeInfo::SKIPPED ? when.trans : when.pre;
    const Time next = std::chrono::time_point_cast<Time::duration>(absl::ToChronoTime(at));
    if (next > time) return next;
    minute = *fits + 1;
  }
  return Time::max();
}

}  // namespace penstock::eventbus
