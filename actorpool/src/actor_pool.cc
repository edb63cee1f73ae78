// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/actor_pool.h"

#include <utility>

#include "key_hash.h"
#include "pool_core.h"

namespace penstock::actorpool {

absl::StatusOr<std::unique_ptr<ActorPool>> ActorPool::Create(ActorPoolOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  auto core = std::make_unique<Core>(std::move(options));
  if (absl::Status status = core->StartWorkers(); !status.ok()) return status;
  return std::unique_ptr<ActorPool>(new ActorPool(std::move(core)));
}

ActorPool::ActorPool(std::unique_ptr<Core> core) : core_(std::move(core)) {}

ActorPool::~ActorPool() = default;

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

}  // namespace penstock::actorpool
