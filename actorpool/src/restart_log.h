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
#include "restart_window.h"

namespace penstock::actorpool {

/// Tells the pool's log about throwing handlers, in at most `kLinesPerSecond` lines; the next line says how many were
/// left out.
///
/// **Thread safety:** thread-safe. The sink is called without a lock held.
class RestartLog {
 public:
  static constexpr int kLinesPerSecond = 10;

  RestartLog(std::string pool, LogSink sink) : pool_(std::move(pool)), sink_(std::move(sink)) {}

  void Threw(std::size_t actor, std::string_view error, const RestartVerdict& verdict, TimePoint now);

 private:
  /// False: leave this line out. True: write it, and with it how many were left out before.
  bool Admit(TimePoint now, std::uint64_t& left_out);

  const std::string pool_;
  const LogSink sink_;
  Mutex mutex_;
  TimePoint second_began_ ABSL_GUARDED_BY(mutex_){};
  int lines_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t left_out_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::actorpool
