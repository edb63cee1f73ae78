// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "benchmarks/contest.h"

namespace penstock::bench {

/// The work of a task system, beside Dramatiq: messages to an actor, results, and a delay that is short enough for it.
std::vector<Contest> TaskContests();

}  // namespace penstock::bench
