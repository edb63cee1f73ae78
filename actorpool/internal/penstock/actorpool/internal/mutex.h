// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace penstock {

/// `std::mutex` with the annotations of clang's thread-safety analysis. Not `absl::Mutex`: Debian's abseil is not
/// instrumented, so ThreadSanitizer cannot see its locking (docs/adr/0003).
///
/// It is glibc's adaptive mutex: a thread that finds it locked spins for a moment before it sleeps. Our locks are held
/// for less time than falling asleep and waking take (docs/lab.md has the measurement).
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() { *mutex_.native_handle() = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP; }
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }

  /// The wrapped mutex, for `MutexLock` only.
  std::mutex& native() { return mutex_; }

 private:
  std::mutex mutex_;
};

/// Holds a `Mutex` from construction to destruction.
///
/// **Thread safety:** thread-confined: one thread constructs, uses and destroys it.
/// **Blocking:** the constructor blocks until the mutex is free, for as long as another thread holds it.
class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : lock_(mutex.native()) {}
  ~MutexLock() ABSL_UNLOCK_FUNCTION() = default;
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  /// The wrapped lock, for `CondVar`, and to unlock for a moment within the scope. It must be locked again before it
  /// goes; the analysis does not see either.
  std::unique_lock<std::mutex>& native() { return lock_; }

 private:
  std::unique_lock<std::mutex> lock_;
};

/// Condition variable for `Mutex`. Waits can wake spuriously: callers loop on their condition.
///
/// **Thread safety:** thread-safe.
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
