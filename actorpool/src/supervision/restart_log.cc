// SPDX-License-Identifier: Apache-2.0
#include "supervision/restart_log.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::actorpool {

void RestartLog::LogThrow(std::size_t actor, std::string_view error, const RestartDecision& decision, TimePoint now) {
  std::uint64_t suppressed = 0;
  if (!sink_ || !Admit(now, suppressed)) return;
  const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(decision.pause);
  std::string line = absl::StrCat(
      "actor ", actor, " of pool \"", pool_, "\": ", std::string(error),
      decision.suspended ? "; too many restarts, it is suspended for " : "; it restarts in ", pause.count(), "ms");
  if (suppressed > 0) absl::StrAppend(&line, " (", suppressed, " similar lines suppressed before)");
  sink_(decision.suspended ? LogLevel::kError : LogLevel::kWarning, line);
}

bool RestartLog::Admit(TimePoint now, std::uint64_t& suppressed) {
  MutexLock lock(mutex_);
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    lines_ = 0;
  }
  if (lines_ == kLinesPerSecond) {
    ++suppressed_;
    return false;
  }
  ++lines_;
  suppressed = std::exchange(suppressed_, 0);
  return true;
}

}  // namespace penstock::actorpool
