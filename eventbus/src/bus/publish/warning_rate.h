// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus {

/// Decides which of many like warnings are logged: the first one, then one per interval. Has no clock: its caller
/// passes the time. Thread-confined.
class WarningRate {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds kInterval{10};

  /// One more cause to warn: nothing when it is not to be logged; else how many were not logged since the last one.
  std::optional<std::uint64_t> Note(TimePoint now) {
    if (last_ && now - *last_ < kInterval) {
      ++left_out_;
      return std::nullopt;
    }
    last_ = now;
    const std::uint64_t left_out = left_out_;
    left_out_ = 0;
    return left_out;
  }

 private:
  std::optional<TimePoint> last_{};
  std::uint64_t left_out_ = 0;
};

/// The end of a log line of which so many like it were left out.
inline std::string LeftOut(std::uint64_t count) {
  return count == 0 ? std::string() : absl::StrCat("; ", count, " more since the last such line");
}

}  // namespace penstock::eventbus
