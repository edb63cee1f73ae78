// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/contest.h"

namespace penstock::bench {

enum class Effort {
  kQuick,  ///< all in a few minutes
  kFull,
};

using ContestTables = std::map<std::string, std::vector<Contest>>;

/// Every row of `./dev bench`. Those over TLS have the names of those over plaintext, and `_tls` behind them.
std::vector<Contest> AllContests(Effort effort);

/// How the cost of consuming grows with payload, keys, actors and subscriptions, and what memory idle ones and messages
/// seen take: contests by table.
ContestTables ScaleContests();

/// Those contests of `contests` that have a row in `names`, reduced to these rows; all of them when there are no names.
std::vector<Contest> Only(const std::vector<std::string>& names, std::vector<Contest> contests);

/// The same of every table; none without a row.
ContestTables Only(const std::vector<std::string>& names, ContestTables tables);

/// Ours of every contest beside the same program of another build, whose build directory is `build`, and nobody else.
std::vector<Contest> Against(const std::filesystem::path& build, std::vector<Contest> contests);

}  // namespace penstock::bench
