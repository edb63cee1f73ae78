// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"

namespace penstock::eventbus {

/// Makes the checks one after the other, up to the first that fails; a later one may take for granted what an earlier
/// one found.
inline absl::Status FirstError() { return absl::OkStatus(); }
template <typename Check, typename... Others>
absl::Status FirstError(const Check& check, const Others&... others) {
  absl::Status status = check();
  return status.ok() ? FirstError(others...) : status;
}

}  // namespace penstock::eventbus
