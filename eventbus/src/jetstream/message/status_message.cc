// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/status_message.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace penstock::eventbus::jetstream {
namespace {

StatusMeaning MeaningOfConflict(const std::string& text) {
  const std::string description = absl::AsciiStrToLower(text);
  if (absl::StrContains(description, "consumer deleted")) return StatusMeaning::kConsumerGone;
  // A limit of the consumer's that was set since: no request of ours is over it.
  if (absl::StrContains(description, "exceeded maxrequest")) return StatusMeaning::kUnfit;
  if (absl::StrContains(description, "push based")) return StatusMeaning::kUnfit;
  if (absl::StrContains(description, "batch completed")) return StatusMeaning::kRequestEnded;
  return StatusMeaning::kBackOff;
}

}  // namespace

StatusMeaning MeaningOf(const StatusMessage& status) {
  using enum StatusMeaning;
  if (status.code == 100) return kHeartbeat;
  if (status.code == 400) return kUnfit;
  if (status.code == 404 || status.code == 408) return kRequestEnded;
  if (status.code == 503) return kConsumerGone;
  return status.code == 409 ? MeaningOfConflict(status.description) : kBackOff;
}

}  // namespace penstock::eventbus::jetstream
