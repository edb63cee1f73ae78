// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

/// Matches an `absl::Status` or `absl::StatusOr` that is OK.
MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

/// Matches an `absl::Status` or `absl::StatusOr` of this code.
MATCHER_P(StatusIs, code, std::string(negation ? "has not" : "has") + " code " + absl::StatusCodeToString(code)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

/// Matches an `absl::Status` or `absl::StatusOr` of this code and with a text that matches `message`.
MATCHER_P2(StatusIs, code, message,
           std::string(negation ? "has not" : "has") + " code " + absl::StatusCodeToString(code) + " and a text that " +
               ::testing::DescribeMatcher<std::string>(message, negation)) {
  *result_listener << "whose status is " << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         ::testing::Matches(::testing::SafeMatcherCast<std::string>(message))(std::string(StatusOf(arg).message()));
}

/// Matches an `absl::StatusOr` that holds a value which matches `value`.
MATCHER_P(IsOkAndHolds, value, "is OK and holds a matching value") {
  if (!arg.ok()) {
    *result_listener << "whose status is " << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace penstock::testing
