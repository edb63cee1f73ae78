// SPDX-License-Identifier: Apache-2.0
#include "pool_core.h"

#include <algorithm>
#include <bit>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::actorpool {
namespace {

/// The pool of the message that this thread runs or completes, if any.
thread_local const void* current_pool = nullptr;

/// "<pool>-w<worker>": a long pool name is cut, the worker's number is not.
std::string WorkerName(const std::string& pool, std::size_t worker) {
  const std::string suffix = absl::StrCat("-w", worker);
  return pool.substr(0, kMaxThreadNameBytes - suffix.size()) + suffix;
}

ActorPoolOptions WithWorkers(ActorPoolOptions options) {
  if (options.workers == 0) options.workers = std::max(1U, std::thread::hardware_concurrency());
  return options;
}

/// One ingress queue for 16 actors: with more queues a chunk holds fewer messages of one actor, with fewer of them
/// producers contend.
int QueueBits(std::size_t actors) {
  constexpr std::size_t kMaxQueues = 64;
  return std::countr_zero(std::bit_floor(std::clamp<std::size_t>(actors / 16, 1, kMaxQueues)));
}

}  // namespace

ActorPool::Core::Core(ActorPoolOptions options)
    : options_(WithWorkers(std::move(options))),
      queue_bits_(QueueBits(options_.actors)),
      restart_log_(absl::StrCat("pool \"", options_.name, "\""), options_.log),
      scheduler_(options_.actors + queue_count(), options_.workers),
      meters_(options_.workers + Scheduler::kInlineSlots) {
  for (std::size_t i = 0; i < queue_count(); ++i) {
    queues_.push_back(std::make_unique<IngressQueue>(options_.inbox_capacity, scheduler_));
  }
  for (std::size_t i = 0; i < options_.actors; ++i) {
    IngressQueue& queue = QueueOf(i);
    queue.AddActor(actors_.emplace_back(i, options_, scheduler_, restart_log_, queue, IndexInQueue(i)));
  }
}

absl::Status ActorPool::Core::StartWorkers() try {
  for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this, i] { RunWorker(i); });
  return absl::OkStatus();
} catch (const std::system_error& error) {
  return absl::ResourceExhaustedError(absl::StrCat("start worker ", workers_.size(), " of pool \"", options_.name,
                                                   "\": ", error.what(), "; use fewer workers or raise the limit"));
}

bool ActorPool::Core::IsPoolThread() const { return current_pool == this; }

void ActorPool::Core::RunWorker(std::size_t worker) {
  SetThreadName(WorkerName(options_.name, worker));
  current_pool = this;
  RunResult result;
  for (Runnable* next = nullptr; (next = scheduler_.Next(next, result)) != nullptr;) {
    result = next->Run(meters_[worker], TimePoint::max());
  }
}

std::optional<std::size_t> ActorPool::Core::TryReserve() {
  return IsPoolThread() ? std::nullopt : scheduler_.ReserveInline();
}

void ActorPool::Core::RunFor(std::size_t slot, std::chrono::nanoseconds budget) {
  const TimePoint budget_end = Clock::now() + budget;
  const void* const outer_pool = std::exchange(current_pool, this);
  LatencyMeter& meter = meters_[options_.workers + slot];
  RunResult result;
  Runnable* next = nullptr;
  while ((next = scheduler_.NextInline(slot, next, result, result.ended_at < budget_end)) != nullptr) {
    result = next->Run(meter, budget_end);
  }
  current_pool = outer_pool;
}

Admission ActorPool::Core::TryEnqueue(std::size_t actor_index, Message& message, std::chrono::milliseconds timeout,
                                      bool& wake) {
  if (timeout.count() > 0 && IsPoolThread()) timeout = {};
  return QueueOf(actor_index).TryEnqueue(IndexInQueue(actor_index), message, timeout, wake);
}

absl::Status ActorPool::Core::RefusalStatus(Admission admission) const {
  if (admission == Admission::kFull) {
    return absl::ResourceExhaustedError(absl::StrCat("process message: its inbox in pool \"", options_.name,
                                                     "\" holds ", options_.inbox_capacity,
                                                     " messages already; wait, add workers or raise inbox_capacity"));
  }
  return absl::UnavailableError(
      absl::StrCat("process message: pool \"", options_.name, "\" is draining or stopped; send messages before that"));
}

bool ActorPool::Core::Attach(std::shared_ptr<PoolClient> client) {
  MutexLock lock(clients_mutex_);
  if (refuses_clients_) return false;
  clients_.push_back(std::move(client));
  return true;
}

void ActorPool::Core::Detach(const PoolClient& client) {
  std::shared_ptr<PoolClient> detached;
  MutexLock lock(clients_mutex_);
  const auto found = std::ranges::find(clients_, &client, [](const auto& held) { return held.get(); });
  if (found == clients_.end()) return;
  detached = std::move(*found);
  clients_.erase(found);
}

std::vector<std::shared_ptr<PoolClient>> ActorPool::Core::clients() const {
  MutexLock lock(clients_mutex_);
  return clients_;
}

PoolStats ActorPool::Core::Stats() const {
  PoolStats stats = {.name = options_.name,
                     .inbox_capacity = options_.inbox_capacity,
                     .workers = options_.workers,
                     .abandoned = abandoned_.load(std::memory_order_relaxed)};
  stats.actors.reserve(actors_.size());
  for (const LatencyMeter& meter : meters_) meter.AddTo(stats.latency);
  for (std::size_t i = 0; i < actors_.size(); ++i) stats.actors.push_back(QueueOf(i).Stats(IndexInQueue(i)));
  return stats;
}

absl::Status ActorPool::Core::Drain(std::chrono::milliseconds timeout) {
  const std::string what = absl::StrCat("drain pool \"", options_.name, "\": ");
  if (IsPoolThread()) {
    return absl::FailedPreconditionError(what + "called from one of its workers; drain from a thread outside the pool");
  }
  const TimePoint deadline = DeadlineAfter(timeout);
  RefuseMessages();
  if (!AwaitClients(deadline) || !scheduler_.AwaitIdle(deadline) || !End(deadline)) {
    return absl::DeadlineExceededError(absl::StrCat(what, "messages are not settled after ", timeout.count(),
                                                    "ms; wait again, or abandon them with Stop()"));
  }
  const std::uint64_t abandoned = abandoned_.load(std::memory_order_relaxed);
  if (abandoned == 0) return absl::OkStatus();
  return absl::CancelledError(absl::StrCat(what, "Stop() abandoned ", abandoned, " messages"));
}

void ActorPool::Core::Stop() {
  if (!IsPoolThread()) {
    scheduler_.Stop();  // first, so that no message begins after the first refusal
    RefuseMessages();
    End(TimePoint::max());
  } else if (options_.log) {
    options_.log(LogLevel::kError,
                 absl::StrCat("stop pool \"", options_.name,
                              "\": called from one of its workers; stop from a thread outside the pool"));
  }
}

void ActorPool::Core::RefuseMessages() {
  for (const auto& queue : queues_) queue->Close();
  {
    MutexLock lock(clients_mutex_);
    refuses_clients_ = true;
  }
  for (const auto& client : clients()) client->Close();
}

bool ActorPool::Core::AwaitClients(TimePoint deadline) {
  return std::ranges::all_of(clients(), [&](const auto& client) { return client->AwaitEnded(deadline); });
}

bool ActorPool::Core::End(TimePoint deadline) {
  {
    MutexLock lock(state_mutex_);
    while (state_ == State::kEnding) {
      if (!ended_.WaitUntil(lock, deadline)) return state_ == State::kEnded;
    }
    if (state_ == State::kEnded) return true;
    state_ = State::kEnding;
  }
  EndNow();
  MutexLock lock(state_mutex_);
  state_ = State::kEnded;
  ended_.NotifyAll();
  return true;
}

void ActorPool::Core::EndNow() {
  scheduler_.Stop();
  workers_.clear();
  scheduler_.AwaitInlineRunners();
  const void* const outer_pool = std::exchange(current_pool, this);
  for (const auto& queue : queues_) queue->Flush();
  for (Actor& actor : actors_) abandoned_.fetch_add(actor.Abandon(), std::memory_order_relaxed);
  for (const auto& client : clients()) abandoned_.fetch_add(client->Abandon(), std::memory_order_relaxed);
  for (Runnable* remaining : scheduler_.TakeRemaining()) remaining->Discard();
  current_pool = outer_pool;
}

}  // namespace penstock::actorpool
