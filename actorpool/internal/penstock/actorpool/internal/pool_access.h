// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/internal/inline_executor.h"

namespace penstock::actorpool::internal {

/// The answer of a pool to a message.
enum class Admission {
  kAccepted,
  kFull,    ///< the actor's inbox is at its capacity; the message was left as it was
  kClosed,  ///< the pool is draining or stopped; the message was left as it was
};

/// The actor index of messages that any actor may run.
inline constexpr std::size_t kAnyActor = static_cast<std::size_t>(-1);

/// The operations of an `ActorPool` that only the modules above use: routing by a hash that the caller keeps,
/// enqueuing in batches, and inline execution.
///
/// **Thread safety:** thread-safe. **Ownership:** refers to the pool, which must outlive it. Cheap to copy.
/// **Blocking:** nothing blocks but `InlineExecutor::RunFor`.
class PoolAccess {
 public:
  class Batch;

  explicit PoolAccess(ActorPool& pool) : core_(pool.core_.get()) {}

  /// The hash of `key`: the same in every process and build. Keys of equal hash go to the same actor.
  static std::uint64_t HashOf(std::string_view key);

  /// The index of the actor for keys of that hash: what `ActorPool::ActorFor` returns for the key.
  std::size_t ActorOf(std::uint64_t key_hash) const;

  /// Runs this pool's messages on the calling thread. Lives as long as the pool.
  InlineExecutor& inline_executor() const;

 private:
  ActorPool::Core* core_;
};

/// Enqueues several messages and wakes workers once, on destruction. Keep it short-lived: sleeping workers see the
/// messages only then.
///
/// **Thread safety:** thread-confined.
class PoolAccess::Batch {
 public:
  explicit Batch(const PoolAccess& access) : core_(*access.core_) {}
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  /// Enqueues `message` for the actor of that index, or for any actor (`kAnyActor`). `Message::key` is not read. Does
  /// not wait. A refusal for lack of space is counted. A message without work is accepted and ends with
  /// `kInvalidArgument`.
  Admission TryEnqueue(Message& message, std::size_t actor_index);

 private:
  ActorPool::Core& core_;
  std::size_t pending_wakes_ = 0;
};

}  // namespace penstock::actorpool::internal
