// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "penstock/eventbus/dead_letters.h"

namespace penstock::eventbus {

/// Checks of what users ask for; `base` is the bus's stream name base. `kInvalidArgument`, text beginning with `what`.
absl::Status CheckQuery(std::string_view what, const DeadLetterQuery& query, std::string_view base);
absl::Status CheckOptions(const ListOptions& options);
absl::Status CheckOptions(const RedriveOptions& options);

/// Whether no field is set: every letter fits.
bool IsUnbounded(const DeadLetterQuery& query);

/// Whether every letter of its topic behind the first one that fits fits too.
bool MatchesAllBehind(const DeadLetterQuery& query);

/// Whether a letter fits.
bool Matches(const DeadLetterQuery& query, const DeadLetter& letter);

/// Which IDs are to be looked at, ascending: those of a query that is valid.
class IdWalk {
 public:
  IdWalk(const DeadLetterQuery& query, std::uint64_t after_id);

  /// The first ID at or after `from` that may fit; 0 when there is none.
  std::uint64_t Next(std::uint64_t from) const;

  /// Where to begin.
  std::uint64_t first() const { return Next(first_); }

 private:
  std::vector<std::uint64_t> ids_;  // ascending; empty: all
  std::uint64_t first_ = 1;
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus
