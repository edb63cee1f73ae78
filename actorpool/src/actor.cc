// SPDX-License-Identifier: Apache-2.0
#include "actor.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ingress_queue.h"
#include "penstock/actorpool/internal/deadline.h"
#include "supervision/run_handler.h"

namespace penstock::actorpool {
namespace {

Completion RunWork(absl::AnyInvocable<absl::Status()>& work) {
  if (!work) return {.status = absl::InvalidArgumentError("run message: it has no work; set Message::work")};
  return RunHandler(work);
}

/// Calls `settled` and destroys what the message captured.
void Complete(Task& task, const Completion& completion) {
  if (task.settled) {
    task.settled(completion);
    task.settled = nullptr;
  }
  task.work = nullptr;
}

}  // namespace

bool Actor::Buffer(Task&& task) {
  buffered_.push_back(std::move(task));
  return buffered_.size() == 1;
}

std::optional<TimePoint> Actor::FlushBuffer() {
  MutexLock lock(mutex_);
  if (!std::exchange(active_, true)) {
    batch_.swap(buffered_);
    return resume_at_;
  }
  if (incoming_.empty()) {
    incoming_.swap(buffered_);
  } else {
    std::move(buffered_.begin(), buffered_.end(), std::back_inserter(incoming_));
    buffered_.clear();
  }
  return std::nullopt;
}

RunResult Actor::Run(LatencyMeter& meter, TimePoint budget_end) {
  const RunResult result = RunBurst(meter, budget_end);
  if (waiters_.load(std::memory_order_relaxed) > 0) ingress_.OnSpaceAvailable(ingress_index_);
  return result;
}

// The clock is read before `LoadBatch` gives the actor up: a pending latency then always belongs to this run.
RunResult Actor::RunBurst(LatencyMeter& meter, TimePoint budget_end) {
  TimePoint now{};
  for (std::size_t run = 0; run < options_.burst && now < budget_end && !scheduler_.stopped(); ++run) {
    if (!LoadBatch()) return {.next = RunResult::Next::kIdle, .ended_at = now};
    Task& task = Begin();
    Completion completion = RunWork(task.work);
    meter.Ended(task.accepted);
    const bool threw = completion.disposition == Disposition::kThrew;
    if (threw || meter.pending() >= messages_per_reading_ || next_ == batch_.size()) now = ReadClock(meter);
    const std::optional<RestartDecision> decision = Supervise(completion, now);
    if (decision.has_value()) completion.pause = decision->pause;
    Complete(task, completion);
    if (!decision.has_value()) continue;
    const TimePoint resume_at = LaterBy(now, decision->pause);
    return {.next = LoadBatch(resume_at) ? RunResult::Next::kPause : RunResult::Next::kIdle,
            .resume_at = resume_at,
            .ended_at = now};
  }
  if (meter.pending() > 0) now = ReadClock(meter);
  return {.next = LoadBatch() ? RunResult::Next::kAgain : RunResult::Next::kIdle, .ended_at = now};
}

TimePoint Actor::ReadClock(LatencyMeter& meter) {
  const TimePoint now = Clock::now();
  messages_per_reading_ = meter.Count(now);
  return now;
}

bool Actor::LoadBatch(TimePoint resume_at) {
  if (next_ < batch_.size()) return true;
  batch_.clear();
  next_ = 0;
  MutexLock lock(mutex_);
  batch_.swap(incoming_);
  if (!batch_.empty()) return true;
  active_ = false;
  resume_at_ = resume_at;
  return false;
}

Task& Actor::Begin() {
  begun_.Add(1);
  return batch_[next_++];
}

std::optional<RestartDecision> Actor::Supervise(const Completion& completion, TimePoint now) {
  (completion.status.ok() ? succeeded_ : failed_).Add(1);
  if (completion.disposition != Disposition::kThrew) return std::nullopt;
  const RestartDecision decision = window_.OnThrow(now);
  (decision.suspended ? suspensions_ : restarts_).Add(1);
  log_.LogThrow(absl::StrCat("actor ", index_), std::string(completion.status.message()), decision, now);
  return decision;
}

std::size_t Actor::Abandon() {
  const Completion completion = {.disposition = Disposition::kAbandoned,
                                 .status = absl::CancelledError("run message: the pool was stopped before it began")};
  std::size_t abandoned = 0;
  for (; LoadBatch(); ++abandoned) Complete(Begin(), completion);
  return abandoned;
}

ActorStats Actor::Stats() const {
  return {.succeeded = succeeded_.value(),
          .failed = failed_.value(),
          .restarts = restarts_.value(),
          .suspensions = suspensions_.value()};
}

}  // namespace penstock::actorpool
