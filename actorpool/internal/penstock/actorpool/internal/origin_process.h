// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <memory>

namespace penstock {

/// The process that made an object. A child made by `fork` has copies of its objects, but none of their threads; their
/// locks may be held for ever, and their sockets are the parent's. So its destructors must not touch them.
///
/// **Thread safety:** thread-safe.
class OriginProcess {
 public:
  /// Whether this is a child of that process.
  bool left() const { return getpid() != id_; }

 private:
  pid_t id_ = getpid();
};

namespace internal {

struct Inherited {
  const void* object = nullptr;
  Inherited* next = nullptr;
};

inline std::atomic<Inherited*> inherited{nullptr};  // relaxed: never read, it keeps what was inherited reachable

}  // namespace internal

/// Gives up an object that belongs to the parent process: it is neither destroyed nor freed, so that nothing of the
/// parent's is touched. It stays reachable, for tools that look for leaks.
template <typename T>
void LeaveToParent(std::unique_ptr<T> object) {
  using internal::inherited;
  auto* const kept = new internal::Inherited{object.release(), inherited.load(std::memory_order_relaxed)};
  while (!inherited.compare_exchange_weak(kept->next, kept, std::memory_order_relaxed)) {
  }
}

}  // namespace penstock
