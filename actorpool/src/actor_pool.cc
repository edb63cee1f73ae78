// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/actor_pool.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "key_hash.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "pool_core.h"

namespace penstock::actorpool {
namespace {

struct Field {
  const char* name = "";
  std::int64_t value = 0;
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  const char* unit = "";
};

absl::Status CheckRange(const Field& field) {
  if (field.value >= field.lowest && field.value <= field.highest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("actor pool option \"", field.name, "\": ", field.value, field.unit,
                                                 " is out of range; use ", field.lowest, " to ", field.highest,
                                                 field.unit));
}

absl::Status CheckName(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](unsigned char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; });
  if (plain && !name.empty() && name.size() <= 64) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("actor pool option \"name\": ", name.size(),
                                                 " bytes that are not a name; use 1 to 64 letters, digits, _ and -"));
}

/// Counts above `INT64_MAX` are out of every range: they are cut to it.
std::int64_t Count(std::size_t count) { return static_cast<std::int64_t>(std::min<std::size_t>(count, INT64_MAX)); }

}  // namespace

absl::Status ActorPoolOptions::Validate() const {
  constexpr std::int64_t kMinute = 60'000;
  if (absl::Status status = CheckName(name); !status.ok()) return status;
  const Field fields[] = {
      {"actors", Count(actors), 1, 65'536},
      {"inbox_capacity", Count(inbox_capacity), 1, 1'000'000},
      {"workers", Count(workers), 0, 1'024},
      {"burst", Count(burst), 1, 100'000},
      {"restart.max_restarts", restart.max_restarts, 0, 1'000},
      {"restart.window", restart.window.count(), 1, 60 * kMinute, "ms"},
      {"restart.max_backoff", restart.max_backoff.count(), 0, kMinute, "ms"},
      {"restart.min_backoff", restart.min_backoff.count(), 0, restart.max_backoff.count(), "ms"},
      {"restart.suspension", restart.suspension.count(), 1, 10 * kMinute, "ms"},
  };
  for (const Field& field : fields) {
    if (absl::Status status = CheckRange(field); !status.ok()) return status;
  }
  return absl::OkStatus();
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
