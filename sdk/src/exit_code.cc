// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "escape_controls.h"
#include "penstock/sdk/service.h"

namespace penstock {

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", EscapeControls(std::string_view(status.ToString())).c_str());
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

}  // namespace penstock
