// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace penstock {

/// `std::mutex` with annotations that clang's thread-safety analysis understands. Not `absl::Mutex`: Debian's abseil is
/// not instrumented, so ThreadSanitizer cannot see its locking (docs/adr/0003).
class ABSL_LOCKABLE Mutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

  /// The wrapped mutex, for `std::condition_variable` only.
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

/// Holds a `Mutex` for the length of a scope; a `CondVar` can wait on it. It tries for some microseconds before it
/// sleeps: our locks are held for less than that, and falling asleep costs both sides a system call.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : lock_(mutex.native(), std::try_to_lock) {
    for (int tries = 0; !lock_.owns_lock() && tries < kTries; ++tries) {
      for (int i = 0; i < kPausesPerTry; ++i) Pause();
      lock_.try_lock();
    }
    if (!lock_.owns_lock()) lock_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  static constexpr int kTries = 30;
  static constexpr int kPausesPerTry = 8;

  /// Tells the processor that this thread only waits.
  static void Pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::unique_lock<std::mutex> lock_;
};

/// Condition variable for `Mutex`. Waits can wake spuriously: callers loop on their condition.
class CondVar {
 public:
  void Wait(MutexLock& lock) { condition_.wait(lock.native()); }

  /// Returns false when `deadline` passed.
  template <typename Clock, typename Duration>
  bool WaitUntil(MutexLock& lock, std::chrono::time_point<Clock, Duration> deadline) {
    return condition_.wait_until(lock.native(), deadline) == std::cv_status::no_timeout;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace penstock
