// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chaos/tasks/task_checker.h"

namespace penstock::chaos {

/// The part of a report that is about tasks. The same on one server and on a cluster.
struct TaskReport {
  std::size_t planned = 0;  ///< 0: the run had none, and nothing is told of them
  TaskFindings findings{};
};

/// Tasks that were lost or came out of nowhere.
std::vector<std::string> Losses(const TaskReport& report);

/// Every other reason for which a run fails, a sentence each. What can follow from two owners across a route cut counts
/// only if those are excluded.
std::vector<std::string> Violations(const TaskReport& report, bool two_owners_excluded);

nlohmann::ordered_json ToJson(const TaskReport& report);

/// Lines for people; empty for a run without tasks.
std::string ToText(const TaskReport& report);

}  // namespace penstock::chaos
