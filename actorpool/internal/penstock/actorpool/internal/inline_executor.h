// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

namespace penstock::actorpool::internal {

/// Runs messages on the thread that enqueued them, in place of a worker: the message is in that core's caches, and no
/// worker has to be woken. The thread reserves a slot, enqueues, and then runs:
///
///     if (const auto slot = executor.TryReserve()) { ...enqueue...; executor.RunFor(*slot, budget); }
///
/// From `TryReserve` until `RunFor` returns, no worker is woken for enqueued messages. Hence the thread must not wait
/// for anything between the two calls. When a handler blocks the thread inside `RunFor`, another thread calls
/// `Abandon`, and workers take over.
///
/// **Thread safety:** thread-safe; `RunFor` by the thread that reserved the slot.
/// **Blocking:** `RunFor` runs handlers and lasts as long as they do. The others do not block.
class InlineExecutor {
 public:
  virtual ~InlineExecutor() = default;

  /// A slot, which one call of `RunFor` must follow. Nothing: another thread runs inline, or two abandoned ones have
  /// not returned, or the caller is in a handler, or the executor is stopped.
  virtual std::optional<std::size_t> TryReserve() = 0;

  /// Runs ready messages until there are none, as many handlers run as there are workers, or `budget` is used up; a
  /// message that has begun by then is finished. Wakes workers for the remaining messages. Releases the slot.
  virtual void RunFor(std::size_t slot, std::chrono::nanoseconds budget) = 0;

  /// Ends the current reservation on behalf of a thread that is blocked in a handler: workers are woken for the ready
  /// messages, and another thread may reserve. The abandoned `RunFor` returns after the handler does.
  virtual void Abandon() = 0;
};

}  // namespace penstock::actorpool::internal
