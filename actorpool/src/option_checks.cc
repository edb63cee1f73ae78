// SPDX-License-Identifier: Apache-2.0
#include "option_checks.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock::actorpool {

absl::Status CheckRanges(std::string_view owner, std::span<const Field> fields) {
  const auto wrong = std::ranges::find_if(
      fields, [](const Field& field) { return field.value < field.lowest || field.value > field.highest; });
  if (wrong == fields.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(owner), " option \"", wrong->name, "\": ", wrong->value,
                                                 wrong->unit, " is out of range; use ", wrong->lowest, " to ",
                                                 wrong->highest, wrong->unit));
}

absl::Status CheckRanges(std::string_view owner, const RestartPolicy& restart) {
  constexpr std::int64_t kMinute = 60'000;
  const Field fields[] = {
      {"restart.max_restarts", restart.max_restarts, 0, 1'000},
      {"restart.window", restart.window.count(), 1, 60 * kMinute, "ms"},
      {"restart.max_backoff", restart.max_backoff.count(), 0, kMinute, "ms"},
      {"restart.min_backoff", restart.min_backoff.count(), 0, restart.max_backoff.count(), "ms"},
      {"restart.suspension", restart.suspension.count(), 1, 10 * kMinute, "ms"},
  };
  return CheckRanges(owner, fields);
}

absl::Status CheckName(std::string_view owner, const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
  if (plain && !name.empty() && name.size() <= 64) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(owner), " option \"name\": ", name.size(),
                                                 " bytes that are not a name; use 1 to 64 letters, digits, _ and -"));
}

}  // namespace penstock::actorpool
