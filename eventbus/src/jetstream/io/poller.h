// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::eventbus::jetstream {

/// Waits for sockets, and can be woken.
///
/// **Thread safety:** `Wake` from any thread; the rest by the thread of the loop.
class Poller {
 public:
  /// For how long the loop may not look by itself. A caller that needs it sooner wakes it.
  enum class Sleep : int {
    kAwake,   ///< 200 us at most
    kDozing,  ///< a millisecond at most
    kAsleep,
  };
  struct Wanted {
    int server = -1;
    bool server_input = true, server_room = false;
    int relay = -1;
    int cancel = -1;
  };
  struct Ready {
    bool server_input = false, server_room = false;
    bool relay = false;
    bool cancel = false;
  };

  /// `kResourceExhausted` when the process has no descriptor left.
  static absl::StatusOr<std::unique_ptr<Poller>> Create();

  /// From now on `Wake` takes effect also between two calls of `Poll`.
  void FallAsleep() { sleep_.store(Sleep::kAsleep); }
  /// The loop wakes by itself soon enough for callers that can wait as long as `sleep` says.
  void SleepNoDeeperThan(Sleep sleep) { sleep_.store(sleep); }
  /// Waits up to `longest`, `nanoseconds::max()` for ever; zero only looks.
  Ready Poll(const Wanted& wanted, std::chrono::nanoseconds longest);

  /// Wakes the loop if it sleeps at least as deep as `from`. Costs nanoseconds while it does not.
  void Wake(Sleep from = Sleep::kDozing);

 private:
  explicit Poller(FileDescriptor wake) : wake_(std::move(wake)) {}

  const FileDescriptor wake_;
  // Sequentially consistent: whoever queues something and then sees the loop asleep wakes it, and the loop looks at the
  // queue after it has said that it sleeps.
  std::atomic<Sleep> sleep_{Sleep::kAwake};
};

}  // namespace penstock::eventbus::jetstream
