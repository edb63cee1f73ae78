// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "naming/first_error.h"
#include "naming/names.h"
#include "penstock/eventbus/bucket.h"

namespace penstock {
namespace {

using eventbus::BadField;
using eventbus::FirstError;
using eventbus::Require;

constexpr std::uint32_t kMaxHistory = 64;
constexpr std::chrono::hours kTenYears(24 * 3650);
constexpr std::int64_t kMinBytes = 1 << 10;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 50;
constexpr std::int32_t kMinValueBytes = 256;
constexpr std::int32_t kMaxValueBytes = 64 << 20;

bool IsUnsetOrWithin(std::chrono::milliseconds least, std::chrono::milliseconds value) {
  return value.count() == 0 || (value >= least && value <= kTenYears);
}

}  // namespace

absl::Status BucketOptions::Validate() const {
  const bool bytes_fit = max_bytes == 0 || (max_bytes >= kMinBytes && max_bytes <= kMaxBytes);
  const bool value_fits =
      max_value_bytes == 0 || (max_value_bytes >= kMinValueBytes && max_value_bytes <= kMaxValueBytes);
  const bool marker_fits =
      key_time_to_live_marker.count() >= 0 && key_time_to_live_marker <= kTenYears;  // its unit is its least value
  return FirstError(
      Require(history >= 1 && history <= kMaxHistory, "history", absl::StrCat("is ", history, "; use 1 to 64")),
      Require(IsUnsetOrWithin(std::chrono::milliseconds(100), time_to_live), "time_to_live",
              absl::StrCat("is ", time_to_live.count(), " ms; use 0, or 100 ms to 10 years")),
      Require(marker_fits, "key_time_to_live_marker",
              absl::StrCat("is ", key_time_to_live_marker.count(), " s; use 0, or 1 s to 10 years")),
      Require(bytes_fit, "max_bytes", absl::StrCat("is ", max_bytes, "; use 0, or 1 KiB to 1 PiB")),
      Require(value_fits, "max_value_bytes", absl::StrCat("is ", max_value_bytes, "; use 0, or 256 to 67108864")),
      Require(replicas == 1 || replicas == 3 || replicas == 5, "replicas",
              absl::StrCat("is ", replicas, "; use 1, 3 or 5")));
}

}  // namespace penstock
