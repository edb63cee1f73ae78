// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/internal/pool_access.h"

#include <chrono>

#include "key_hash.h"
#include "pool_core.h"

namespace penstock::actorpool::internal {

std::uint64_t PoolAccess::HashOf(std::string_view key) { return KeyHash(key); }

std::size_t PoolAccess::ActorOf(std::uint64_t key_hash) const { return core_->ActorOf(key_hash); }

InlineExecutor& PoolAccess::inline_executor() const { return *core_; }

PoolAccess::Batch::~Batch() {
  for (; pending_wakes_ > 0; --pending_wakes_) core_.WakeOne();
}

Admission PoolAccess::Batch::TryEnqueue(Message& message, std::size_t actor_index) {
  bool wake = false;
  const Admission admission = core_.TryEnqueue(actor_index == kAnyActor ? core_.NextActor() : actor_index, message,
                                               std::chrono::milliseconds{0}, wake);
  if (wake) ++pending_wakes_;
  return admission;
}

}  // namespace penstock::actorpool::internal
