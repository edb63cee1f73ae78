// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Removes delayed messages that were published from their stream, one after the other, on a thread of its own. What
/// cannot be removed now is tried again.
///
/// **Thread safety:** thread-safe. Outlived by its transport. **Blocking:** `Stop`, for a request that runs.
/// **Shutdown:** `Stop`; the destructor stops. What is left then is not removed.
class DelayedRemovals {
 public:
  /// `removed` is told of each one that is gone; `trouble` of each failure. Both on the thread of this object.
  DelayedRemovals(Transport& transport, std::string stream, std::function<void(std::uint64_t sequence)> removed,
                  std::function<void(const absl::Status& why)> trouble);
  ~DelayedRemovals() { Stop(); }
  DelayedRemovals(const DelayedRemovals&) = delete;
  DelayedRemovals& operator=(const DelayedRemovals&) = delete;

  void Remove(std::uint64_t sequence);
  void Stop();

 private:
  void Run();
  bool RemoveNow(std::uint64_t sequence);
  bool Pause();

  Transport& transport_;
  const std::string stream_;
  const std::function<void(std::uint64_t sequence)> removed_;
  const std::function<void(const absl::Status& why)> trouble_;
  Mutex mutex_;
  CondVar work_;
  std::deque<std::uint64_t> sequences_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // begins with the first removal
};

}  // namespace penstock::eventbus
