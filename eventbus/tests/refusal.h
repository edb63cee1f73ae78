// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

/// `kInvalidArgument` with `text` in its message.
MATCHER_P(IsRefusedFor, text, "is refused, its text having " + ::testing::PrintToString(text)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString();
  return status.code() == absl::StatusCode::kInvalidArgument &&
         std::string_view(status.message().data(), status.message().size()).find(text) != std::string_view::npos;
}

MATCHER(IsAccepted, "is accepted") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok();
}

}  // namespace penstock
