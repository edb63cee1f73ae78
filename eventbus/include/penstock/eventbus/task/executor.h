// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace penstock {

namespace eventbus {
class PoolExecutor;
}  // namespace eventbus

/// Runs work on the workers of a bus's pool. Obtained from `EventBus::executor`.
///
/// **Thread safety:** thread-safe. A value; may outlive its bus. **Blocking:** never.
/// **Ordering:** none. **Shutdown:** work that has not begun when the bus ends is destroyed, unrun.
class Executor {
 public:
  explicit Executor(std::shared_ptr<eventbus::PoolExecutor> pool) : pool_(std::move(pool)) {}

  /// Runs `work` once on a worker, after `delay` (a negative one counts as 0) at the earliest. While it runs it counts
  /// as a handler. What it throws is logged. `kFailedPrecondition` when the bus is closed; then `work` is destroyed.
  absl::Status Post(absl::AnyInvocable<void()> work, std::chrono::milliseconds delay = std::chrono::milliseconds{0});

 private:
  std::shared_ptr<eventbus::PoolExecutor> pool_;
};

}  // namespace penstock
