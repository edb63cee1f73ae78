// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/time_limit.h"

#include "absl/strings/str_cat.h"

namespace penstock::eventbus {

HandlerResult WithinLimit(HandlerResult result, TimePoint deadline, TimePoint now, std::chrono::milliseconds limit) {
  if (now < deadline || !result.ran()) return result;
  return {.kind = HandlerResult::Kind::kTimedOut,
          .reason = absl::StrCat("it took longer than its time limit of ", limit.count(), " ms")};
}

Deadlines::Place Deadlines::Add(TimePoint deadline, std::stop_source source) {
  return sources_.emplace(Place{deadline, ++last_}, std::move(source)).first->first;
}

std::optional<std::stop_source> Deadlines::TakeDue(TimePoint now) {
  if (next() > now || sources_.empty()) return std::nullopt;
  std::stop_source first = std::move(sources_.begin()->second);
  sources_.erase(sources_.begin());
  return first;
}

}  // namespace penstock::eventbus
