// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace penstock::chaos {

/// The folder for a run's ledgers and logs: `keep`, made where there is none, or a new temporary one when `keep` is
/// empty. `kFailedPrecondition` when `keep` has anything in it already: ledgers of two runs in one file are the books
/// of neither. `kInternal` when it cannot be made.
absl::StatusOr<std::filesystem::path> MakeRunFolder(const std::string& keep);

}  // namespace penstock::chaos
