// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "penstock/metrics/http_endpoint.h"
#include "penstock/sdk/service.h"

namespace penstock {
namespace {

constexpr std::chrono::hours kLongestDrain{1};
constexpr std::chrono::seconds kShortestStall{1};
constexpr std::chrono::hours kLongestStall{24};

}  // namespace

absl::Status ServiceOptions::Validate() const {
  using std::chrono::milliseconds;
  if (metrics_host.empty()) {
    return absl::InvalidArgumentError("service options: metrics_host is empty; name an address, such as 127.0.0.1");
  }
  if (drain_timeout < milliseconds(0) || drain_timeout > kLongestDrain) {
    return absl::InvalidArgumentError(
        absl::StrCat("service options: drain_timeout is ", drain_timeout.count(), " ms; use 0 to 1 h"));
  }
  if (stall_limit != milliseconds(0) && (stall_limit < kShortestStall || stall_limit > kLongestStall)) {
    return absl::InvalidArgumentError(
        absl::StrCat("service options: stall_limit is ", stall_limit.count(), " ms; use 0, or 1 s to 1 day"));
  }
  return metrics.Validate();
}

}  // namespace penstock
