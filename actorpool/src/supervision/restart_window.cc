// SPDX-License-Identifier: Apache-2.0
#include "supervision/restart_window.h"

#include <algorithm>

namespace penstock::actorpool {

RestartDecision RestartWindow::OnThrow(TimePoint now) {
  std::erase_if(restarts_, [&](TimePoint restart) { return now - restart >= policy_.window; });
  if (restarts_.size() >= static_cast<std::size_t>(policy_.max_restarts)) {
    restarts_.clear();
    return {.suspended = true, .pause = policy_.suspension};
  }
  restarts_.push_back(now);
  return {.suspended = false, .pause = Backoff()};
}

std::chrono::nanoseconds RestartWindow::Backoff() const {
  if (restarts_.size() == 1) return std::chrono::nanoseconds{0};
  std::chrono::nanoseconds pause = policy_.min_backoff;
  for (std::size_t i = 2; i < restarts_.size() && pause < policy_.max_backoff; ++i) pause *= 2;
  return std::min<std::chrono::nanoseconds>(pause, policy_.max_backoff);
}

}  // namespace penstock::actorpool
