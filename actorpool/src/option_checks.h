// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {

/// A number among options, and its range.
struct Field {
  const char* name = "";
  std::int64_t value = 0;
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  const char* unit = "";
};

/// Counts above `INT64_MAX` are out of every range: they are cut to it.
inline std::int64_t Count(std::size_t count) {
  return static_cast<std::int64_t>(std::min<std::size_t>(count, INT64_MAX));
}

/// `kInvalidArgument` that names the first field out of range. `owner` is what the options are for, such as
/// `actor pool`.
absl::Status CheckRanges(std::string_view owner, std::span<const Field> fields);
absl::Status CheckRanges(std::string_view owner, const RestartPolicy& restart);

/// The same for a name.
absl::Status CheckName(std::string_view owner, const std::string& name);

}  // namespace penstock::actorpool
