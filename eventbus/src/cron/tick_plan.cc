// SPDX-License-Identifier: Apache-2.0
#include "cron/tick_plan.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "naming/timestamp.h"

namespace penstock::eventbus {

// A cron line has neither line breaks nor a time zone in it.
std::string TickMark::Written() const { return absl::StrCat(FormatTimestamp(last), "\n", time_zone, "\n", cron); }

std::optional<TickMark> TickMark::Read(std::string_view written) {
  const std::vector<std::string> lines = absl::StrSplit(std::string(written), absl::MaxSplits('\n', 2));
  if (lines.size() != 3) return std::nullopt;
  const auto last = ParseTimestamp(lines[0]);
  if (!last) return std::nullopt;
  return TickMark{.cron = lines[2], .time_zone = lines[1], .last = *last};
}

TickPlan PlanTicks(const CronLine& cron, const PeriodicOptions& options, const std::optional<TickMark>& mark,
                   CronLine::Time now) {
  TickPlan plan;
  const bool same = mark && mark->cron == options.cron && mark->time_zone == options.time_zone;
  if (mark && !same && mark->last > now) plan.called_off = mark->last;
  const CronLine::Time last = same ? mark->last : now;
  if (last > now) return plan;
  CronLine::Time tick = cron.Next(last);
  for (; tick <= now; tick = cron.Next(tick)) {
    if (options.missed == MissedTicks::kSkip) continue;
    if (options.missed == MissedTicks::kOnce) plan.ticks.clear();
    plan.ticks.push_back(tick);
    if (plan.ticks.size() == kMostTicks) return plan;
  }
  plan.ticks.push_back(tick);
  return plan;
}

}  // namespace penstock::eventbus
