// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/actor_pool.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "key_hash.h"
#include "option_checks.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "pool_core.h"

namespace penstock::actorpool {
absl::Status ActorPoolOptions::Validate() const {
  constexpr const char* kOwner = "actor pool";
  const Field fields[] = {
      {"actors", Count(actors), 1, 65'536},
      {"inbox_capacity", Count(inbox_capacity), 1, 1'000'000},
      {"workers", Count(workers), 0, 1'024},
      {"burst", Count(burst), 1, 100'000},
  };
  if (absl::Status status = CheckName(kOwner, name); !status.ok()) return status;
  if (absl::Status status = CheckRanges(kOwner, fields); !status.ok()) return status;
  return CheckRanges(kOwner, restart);
}

absl::StatusOr<std::unique_ptr<ActorPool>> ActorPool::Create(ActorPoolOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->StartWorkers(); !status.ok()) return status;
  return std::unique_ptr<ActorPool>(new ActorPool(std::move(core)));
}

ActorPool::ActorPool(std::unique_ptr<Core> core) : core_(std::move(core)) {}

ActorPool::~ActorPool() {
  if (core_->origin().left()) LeaveToParent(std::move(core_));
}

absl::Status ActorPool::ProcessMessage(Message&& message, std::chrono::milliseconds timeout) {
  if (!message.work) return absl::InvalidArgumentError("process message: it has no work; set Message::work");
  const std::size_t actor = message.key.empty() ? core_->NextActor() : ActorFor(message.key);
  bool wake = false;
  const Admission admission = core_->TryEnqueue(actor, message, timeout, wake);
  if (wake) core_->WakeOne();
  return admission == Admission::kAccepted ? absl::OkStatus() : core_->RefusalStatus(admission);
}

std::size_t ActorPool::ActorFor(std::string_view key) const { return core_->ActorOf(KeyHash(key)); }

PoolStats ActorPool::Stats() const { return core_->Stats(); }

absl::Status ActorPool::Drain(std::chrono::milliseconds timeout) { return core_->Drain(timeout); }

void ActorPool::Stop() { core_->Stop(); }

namespace internal {

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

}  // namespace internal
}  // namespace penstock::actorpool
