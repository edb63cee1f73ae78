// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::demo {

/// The files of dpkg's log in `directory`, oldest first: `dpkg.log.N[.gz]` from the highest number down, then
/// `dpkg.log-YYYYMMDD[.gz]`, then `dpkg.log`. Of a file that is there plain and compressed only the plain one counts.
/// `kNotFound` when there is none, `kFailedPrecondition` when the directory cannot be read.
absl::StatusOr<std::vector<std::filesystem::path>> FindLogs(const std::filesystem::path& directory);

/// Calls `line` for every complete line of a plain or gzip-compressed file. What follows the last line break is left
/// out: dpkg may be writing it. A line longer than 4 KiB is handed over in pieces. `kFailedPrecondition` for a file
/// that cannot be opened, `kDataLoss` for one that is broken or larger than 1 GiB.
absl::Status ReadLines(const std::filesystem::path& file, const std::function<void(std::string_view)>& line);

}  // namespace penstock::demo
