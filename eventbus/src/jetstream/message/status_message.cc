// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/status_message.h"

#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace penstock::eventbus::jetstream {
namespace {

StatusMeaning MeaningOfConflict(const std::string& text) {
  const std::string description = absl::AsciiStrToLower(text);
  if (absl::StrContains(description, "consumer deleted")) return StatusMeaning::kConsumerGone;
  if (absl::StrContains(description, "push based")) return StatusMeaning::kUnfit;
  if (absl::StrContains(description, "batch completed")) return StatusMeaning::kRequestEnded;
  return StatusMeaning::kBackOff;
}

}  // namespace

StatusMeaning MeaningOf(const StatusMessage& status) {
  switch (status.code) {
    case 100:
      return StatusMeaning::kHeartbeat;
    case 400:
      return StatusMeaning::kUnfit;
    case 404:
    case 408:
      return StatusMeaning::kRequestEnded;
    case 409:
      return MeaningOfConflict(status.description);
    case 503:
      return StatusMeaning::kConsumerGone;
    default:
      return StatusMeaning::kBackOff;
  }
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace penstock::eventbus::jetstream
