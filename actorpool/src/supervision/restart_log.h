// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "clock.h"
#include "penstock/actorpool/log.h"
#include "supervision/log_limit.h"
#include "supervision/restart_window.h"

namespace penstock::actorpool {

/// Logs throwing handlers, as many lines as `LogLimit` admits. The next line says how many were suppressed.
///
/// **Thread safety:** thread-safe. The sink is called without a lock held.
class RestartLog {
 public:
  /// `owner` is what has the actors or streams, such as `pool "orders"`.
  RestartLog(std::string owner, LogSink sink) : owner_(std::move(owner)), sink_(std::move(sink)) {}

  /// `thrower` is the one whose handler threw, such as `actor 7`.
  void LogThrow(std::string_view thrower, std::string_view error, const RestartDecision& decision, TimePoint now);

 private:
  const std::string owner_;
  const LogSink sink_;
  LogLimit limit_;
};

}  // namespace penstock::actorpool
