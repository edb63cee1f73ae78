// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cron/cron_line.h"
#include "penstock/eventbus/task/periodic.h"

namespace penstock::eventbus {

/// How far the processes of a schedule have come, as they note it for each other.
struct TickMark {
  std::string cron{};
  std::string time_zone{};
  CronLine::Time last{};  ///< the last tick that is stored

  std::string Written() const;
  static std::optional<TickMark> Read(std::string_view written);
};

/// The next work of one of them: to publish these ticks, in their order, and to note the last of them.
struct TickPlan {
  std::vector<CronLine::Time> ticks{};
  /// Is to be called off first: the schedule is another one now.
  std::optional<CronLine::Time> called_off{};
};

/// More are published by the next plan.
inline constexpr std::size_t kMostTicks = 100;

/// Pure. Without a mark the schedule begins at `now`. No tick: the next one is stored already.
TickPlan PlanTicks(const CronLine& cron, const PeriodicOptions& options, const std::optional<TickMark>& mark,
                   CronLine::Time now);

}  // namespace penstock::eventbus
