// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "clock.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::actorpool {

/// Admits `kLinesPerSecond` log lines of one kind a second at most, and counts those in between.
///
/// **Thread safety:** thread-safe.
class LogLimit {
 public:
  static constexpr int kLinesPerSecond = 10;

  /// Nothing: suppress this line. Otherwise write it, with this at its end, which tells how many were suppressed
  /// before.
  std::optional<std::string> Admit(TimePoint now) {
    MutexLock lock(mutex_);
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      lines_ = 0;
    }
    if (lines_ == kLinesPerSecond) {
      ++suppressed_;
      return std::nullopt;
    }
    ++lines_;
    const std::uint64_t suppressed = std::exchange(suppressed_, 0);
    return suppressed > 0 ? absl::StrCat(" (", suppressed, " similar lines suppressed before)") : std::string();
  }

 private:
  Mutex mutex_;
  TimePoint second_began_ ABSL_GUARDED_BY(mutex_){};
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t suppressed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::actorpool
