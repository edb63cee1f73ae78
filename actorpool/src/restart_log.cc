// SPDX-License-Identifier: Apache-2.0
#include "restart_log.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::actorpool {

void RestartLog::Threw(std::size_t actor, std::string_view error, const RestartVerdict& verdict, TimePoint now) {
  std::uint64_t left_out = 0;
  if (!sink_ || !Admit(now, left_out)) return;
  const auto pause = std::chrono::duration_cast<std::chrono::milliseconds>(verdict.pause);
  std::string line =
      absl::StrCat("actor ", actor, " of pool \"", pool_, "\": ", std::string(error),
                   verdict.rests ? "; too many restarts, it rests for " : "; it restarts in ", pause.count(), "ms");
  if (left_out > 0) absl::StrAppend(&line, " (", left_out, " such lines left out before)");
  sink_(verdict.rests ? LogLevel::kError : LogLevel::kWarning, line);
}

bool RestartLog::Admit(TimePoint now, std::uint64_t& left_out) {
  MutexLock lock(mutex_);
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    lines_ = 0;
  }
  if (lines_ == kLinesPerSecond) {
    ++left_out_;
    return false;
  }
  ++lines_;
  left_out = std::exchange(left_out_, 0);
  return true;
}

}  // namespace penstock::actorpool
