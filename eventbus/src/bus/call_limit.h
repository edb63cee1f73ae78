// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "transport/key_value_store.h"

namespace penstock::eventbus {

/// The limit of a call that begins now. `kInvalidArgument` when `timeout` is out of its range.
inline absl::StatusOr<CallLimit> LimitOf(std::chrono::milliseconds timeout, const std::stop_token& stop) {
  if (timeout.count() >= 1 && timeout <= std::chrono::hours(1)) return CallLimit::In(timeout, stop);
  return BadField("timeout", absl::StrCat("is ", timeout.count(), " ms; use 1 ms to 1 h"));
}

}  // namespace penstock::eventbus
