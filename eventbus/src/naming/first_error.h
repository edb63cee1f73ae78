// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>

#include "absl/status/status.h"

namespace penstock::eventbus {

/// The first error of several checks. A check that takes for granted what earlier ones found is given as a function,
/// which is called when those have passed.
inline absl::Status FirstError() { return absl::OkStatus(); }
template <typename Check, typename... Others>
absl::Status FirstError(const Check& check, const Others&... others) {
  absl::Status status;
  if constexpr (std::is_invocable_v<const Check&>) {
    status = check();
  } else {
    status = check;
  }
  return status.ok() ? FirstError(others...) : status;
}

}  // namespace penstock::eventbus
