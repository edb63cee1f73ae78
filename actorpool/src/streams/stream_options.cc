// SPDX-License-Identifier: Apache-2.0
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "option_checks.h"
#include "penstock/actorpool/stream_registry.h"

namespace penstock::actorpool {
namespace {

absl::Status NoShare(const char* field, double value, const char* range) {
  return absl::InvalidArgumentError(
      absl::StrCat("stream option \"", field, "\": ", value, " is out of range; use a share ", range));
}

}  // namespace

// The comparisons are false for a NaN.
absl::Status StreamOptions::Validate() const {
  constexpr std::size_t kHighest = 1'000'000'000;
  if ((capacity < 1 || capacity > kHighest) && capacity != kUnbounded) {
    return absl::InvalidArgumentError(absl::StrCat("stream option \"capacity\": ", capacity,
                                                   " is out of range; use 1 to ", kHighest, ", or kUnbounded"));
  }
  if (!(near_full_from > 0 && near_full_from <= 1)) {
    return NoShare("near_full_from", near_full_from, "above 0, to 1");
  }
  if (!(near_full_until >= 0 && near_full_until < near_full_from)) {
    return NoShare("near_full_until", near_full_until, "from 0 to below near_full_from");
  }
  return absl::OkStatus();
}

absl::Status StreamRegistryOptions::Validate() const {
  constexpr const char* kOwner = "stream registry";
  const Field fields[] = {
      {"burst", Count(burst), 1, 100'000},
      {"slice", slice.count(), 1, 10'000, "ms"},
  };
  if (absl::Status status = CheckName(kOwner, name); !status.ok()) return status;
  if (absl::Status status = CheckRanges(kOwner, fields); !status.ok()) return status;
  return CheckRanges(kOwner, restart);
}

}  // namespace penstock::actorpool
