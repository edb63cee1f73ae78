// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Finds out whether messages that are to run again are still in their streams, one after the other, on a thread of
/// its own. A server that does not answer is not asked again for `kPause`: what is not known to be gone is there.
///
/// **Thread safety:** thread-safe. Outlived by its transport. **Blocking:** `Stop`, for a request that runs.
/// **Shutdown:** `Stop`; the destructor stops.
class MessageLookUp {
 public:
  static constexpr std::chrono::seconds kPause{5};

  explicit MessageLookUp(Transport& transport) : transport_(transport) {}
  ~MessageLookUp() { Stop(); }
  MessageLookUp(const MessageLookUp&) = delete;
  MessageLookUp& operator=(const MessageLookUp&) = delete;

  /// `done` is told once, with true only when the stream is there and the message is not; on the thread of this object,
  /// or, when nobody is asked, in this call.
  void LookUp(const std::string& stream, std::uint64_t sequence, std::function<void(bool gone)> done);
  /// Whatever is asked for is told. Idempotent. Not from a `done`.
  void Stop();

 private:
  struct Question {
    std::string stream{};
    std::uint64_t sequence = 0;
    std::function<void(bool gone)> done{};
  };

  bool Ask(Question& question);
  bool IsGone(const Question& question);
  void Run();

  Transport& transport_;
  Mutex mutex_;
  CondVar work_;
  std::deque<Question> questions_ ABSL_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point asks_from_ ABSL_GUARDED_BY(mutex_){};
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // begins with the first question
  Mutex stop_mutex_;                            // held while `Stop` joins
};

}  // namespace penstock::eventbus
