// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <thread>

#include "jetstream/connection.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::eventbus::jetstream {

/// Sees to it that what was published leaves at once. nats.c gathers small writes for a millisecond, which is what
/// throughput wants and a single event does not; it writes at once what a ping follows. So a ping follows: the next one
/// when the answer is there, which under load is after many publishes.
///
/// **Thread safety:** thread-safe. **Ownership:** owns a thread; the connection must outlive it.
/// **Shutdown:** `Stop`, or the destructor.
class PromptWriter {
 public:
  explicit PromptWriter(Connection& connection);
  ~PromptWriter() { Stop(); }
  PromptWriter(const PromptWriter&) = delete;
  PromptWriter& operator=(const PromptWriter&) = delete;

  /// Has what was published written by another thread. Costs nanoseconds while that is at it.
  void WriteSoon();

  /// Writes what was published, and waits for the server to have read it.
  void WriteNow() const;

  /// Idempotent.
  void Stop();

 private:
  void Run();
  bool AwaitWork();

  Connection& connection_;
  // Set by who publishes, taken back before writing: what is published after that is written the next time.
  std::atomic<bool> dirty_{false};
  Mutex mutex_;
  CondVar work_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock::eventbus::jetstream
