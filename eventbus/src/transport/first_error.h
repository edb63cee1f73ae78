// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"

namespace penstock::eventbus {

/// Makes the checks one after the other, up to the first that fails; a later one may take for granted what an earlier
/// one found.
template <typename... Checks>
absl::Status FirstError(const Checks&... checks) {
  absl::Status status = absl::OkStatus();
  static_cast<void>((... && (status = checks()).ok()));
  return status;
}

}  // namespace penstock::eventbus
