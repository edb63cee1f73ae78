// SPDX-License-Identifier: Apache-2.0
#include "supervision/restart_log.h"

#include <chrono>
#include <optional>

#include "absl/strings/str_cat.h"

namespace penstock::actorpool {

void RestartLog::LogThrow(std::string_view thrower, std::string_view error, const RestartDecision& decision,
                          TimePoint now) {
  if (!sink_) return;
  const std::optional<std::string> suppressed = limit_.Admit(now);
  if (!suppressed.has_value()) return;
  const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(decision.pause);
  sink_(decision.suspended ? LogLevel::kError : LogLevel::kWarning,
        absl::StrCat(std::string(thrower), " of ", owner_, ": ", std::string(error),
                     decision.suspended ? "; too many restarts, it is suspended for " : "; it restarts in ",
                     pause.count(), "ms", *suppressed));
}

}  // namespace penstock::actorpool
