// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "bus/delay/removal_queue.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Removes delayed messages that were published from their stream, one after the other, on a thread of its own. What
/// cannot be removed now is tried again.
///
/// **Thread safety:** thread-safe. Outlived by its transport. **Blocking:** the destructor, for a request that runs,
/// which the end of the transport ends. **Shutdown:** `Stop`, and the destructor. What is left then is not removed.
class DelayedRemovals {
 public:
  /// Told of one that is gone, with the epoch that `Remove` was given.
  using Removed = std::function<void(std::uint64_t sequence, std::uint64_t epoch)>;

  /// `removed` is told of each one that is gone; `trouble` of each failure. Both on the thread of this object.
  DelayedRemovals(Transport& transport, std::string stream, Removed removed,
                  std::function<void(const absl::Status& why)> trouble);
  ~DelayedRemovals();
  DelayedRemovals(const DelayedRemovals&) = delete;
  DelayedRemovals& operator=(const DelayedRemovals&) = delete;

  /// `epoch` counts the streams of that name: what is told of an earlier one says nothing of this one's messages.
  void Remove(std::uint64_t sequence, std::uint64_t epoch, std::string subject) {
    Add(sequence, epoch, std::move(subject), /*look=*/false);
  }
  /// Looks first whether the message of that sequence has that subject, since its stream may be another by now.
  void RemoveIfThere(std::uint64_t sequence, std::uint64_t epoch, std::string subject) {
    Add(sequence, epoch, std::move(subject), /*look=*/true);
  }
  /// Removes nothing of what is left, since its stream was deleted.
  void Forget();
  /// The latest removal was refused, until somebody allows it (`IsRefusal`).
  bool refused() const;
  /// Begins no request any more. Does not block.
  void Stop();

 private:
  using Item = RemovalQueue::Item;
  void Add(std::uint64_t sequence, std::uint64_t epoch, std::string subject, bool look);
  void Run();
  std::optional<Item> Await();
  bool RemoveNow(const Item& item);
  absl::Status TryToRemove(const Item& item);
  void PutBack(Item item);

  Transport& transport_;
  const std::string stream_;
  const Removed removed_;
  const std::function<void(const absl::Status& why)> trouble_;
  mutable Mutex mutex_;
  CondVar work_;
  RemovalQueue queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // begins with the first removal
};

}  // namespace penstock::eventbus
