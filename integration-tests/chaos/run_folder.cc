// SPDX-License-Identifier: Apache-2.0
#include "chaos/run_folder.h"

#include <cstdlib>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace penstock::chaos {

absl::StatusOr<std::filesystem::path> MakeRunFolder(const std::string& keep) {
  if (keep.empty()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "penstock-chaos-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) return absl::InternalError("make a folder for ledgers: no temporary one");
    return std::filesystem::path(pattern);
  }
  std::error_code error;
  std::filesystem::create_directories(keep, error);
  const bool empty = !error && std::filesystem::is_empty(keep, error);
  if (error) return absl::InternalError(absl::StrCat("make folder \"", keep, "\" for ledgers: ", error.message()));
  if (empty) return std::filesystem::path(keep);
  return absl::FailedPreconditionError(
      absl::StrCat("keep ledgers in \"", keep, "\": the folder is not empty; name a new one, or empty it"));
}

}  // namespace penstock::chaos
