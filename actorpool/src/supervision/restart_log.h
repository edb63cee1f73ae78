// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "clock.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "supervision/restart_window.h"

namespace penstock::actorpool {

/// Logs throwing handlers, `kLinesPerSecond` lines at most. The next line says how many were suppressed.
///
/// **Thread safety:** thread-safe. The sink is called without a lock held.
class RestartLog {
 public:
  static constexpr int kLinesPerSecond = 10;

  RestartLog(std::string pool, LogSink sink) : pool_(std::move(pool)), sink_(std::move(sink)) {}

  void LogThrow(std::size_t actor, std::string_view error, const RestartDecision& decision, TimePoint now);

 private:
  /// False: suppress this line. True: write it, and with it the number of lines suppressed before.
  bool Admit(TimePoint now, std::uint64_t& suppressed);

  const std::string pool_;
  const LogSink sink_;
  Mutex mutex_;
  TimePoint second_began_ ABSL_GUARDED_BY(mutex_){};
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t suppressed_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::actorpool
