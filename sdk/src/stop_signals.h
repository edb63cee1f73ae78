// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"
#include "penstock/actorpool/log.h"

namespace penstock {

/// Turns the first SIGTERM or SIGINT into a stop request, and a second one into the end of the process. Two that come
/// before the first is noticed count as one.
///
/// It handles the signals and blocks none, so that programs which the process starts can be stopped as usual; one of
/// its threads takes them even when all others block them. A child made with `fork` reacts to them as if there were no
/// `StopSignals`. Every one that a process has gets the signals. The destructor of the last one restores what they did
/// before; a signal that comes while it runs may be lost. **Thread safety:** thread-safe.
class StopSignals {
 public:
  /// `kResourceExhausted` when the system has no thread left, and when the process has eight already.
  static absl::StatusOr<std::unique_ptr<StopSignals>> Watch(LogSink log);

  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  void RequestStop() { stop_.request_stop(); }
  std::stop_token stop_token() const { return stop_.get_token(); }
  /// Blocks until a stop was requested.
  void WaitForStop() const;

 private:
  struct Watcher;
  struct HandlerState;

  StopSignals(LogSink log, Watcher& watcher);
  static HandlerState& Handler();
  static void OnSignal(int signal);
  static Watcher* Enter();
  static void Leave(Watcher& watcher);
  bool AwaitSignal();
  void WatchLoop();
  void Stop(int signal);
  [[noreturn]] void GiveUp(int signal) const;

  const LogSink log_;
  Watcher& watcher_;                 // of `Handler()`
  std::atomic<bool> ending_{false};  // sequentially consistent; read after the watcher was woken
  std::stop_source stop_;
  std::thread thread_;
};

}  // namespace penstock
