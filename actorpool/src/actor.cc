// SPDX-License-Identifier: Apache-2.0
#include "actor.h"

#include <exception>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "intake.h"

namespace penstock::actorpool {
namespace {

Settlement Threw(const char* what) {
  return {.ending = Ending::kThrew, .status = absl::InternalError(absl::StrCat("handler threw: ", what))};
}

/// Runs `work` and keeps what it throws from going any further.
Settlement Perform(absl::AnyInvocable<absl::Status()>& work) {
  if (!work) return {.status = absl::InvalidArgumentError("run message: it has no work; set Message::work")};
  try {
    return {.status = work()};
  } catch (const std::exception& error) {
    return Threw(error.what());
  } catch (...) {
    return Threw("unknown exception");
  }
}

/// Tells whoever wants to know, and lets go of what the message carried.
void Settle(Task& task, const Settlement& settlement) {
  if (task.settled) {
    task.settled(settlement);
    task.settled = nullptr;
  }
  task.work = nullptr;
}

}  // namespace

bool Actor::Stage(Task&& task) {
  staged_.push_back(std::move(task));
  return staged_.size() == 1;
}

std::optional<TimePoint> Actor::AcceptStaged() {
  MutexLock lock(mutex_);
  if (!std::exchange(active_, true)) {
    batch_.swap(staged_);
    return resume_at_;
  }
  if (incoming_.empty()) {
    incoming_.swap(staged_);
  } else {
    std::move(staged_.begin(), staged_.end(), std::back_inserter(incoming_));
    staged_.clear();
  }
  return std::nullopt;
}

Turn Actor::Run(LatencyMeter& meter, TimePoint enough) {
  const Turn turn = RunBurst(meter, enough);
  if (waiters_.load(std::memory_order_relaxed) > 0) intake_.RoomMade(number_);
  return turn;
}

Turn Actor::RunBurst(LatencyMeter& meter, TimePoint enough) {
  TimePoint now{};
  for (std::size_t run = 0; run < options_.burst && now < enough && !scheduler_.stopped(); ++run) {
    if (!Refill()) return {.next = Turn::Next::kIdle, .ended = now};
    Task& task = Begin();
    const Settlement settlement = Perform(task.work);
    now = meter.Ended(task.accepted);
    const std::optional<RestartVerdict> verdict = Supervise(settlement, now);
    Settle(task, settlement);
    if (!verdict.has_value()) continue;
    const TimePoint resume_at = now + verdict->pause;
    return {.next = Refill(resume_at) ? Turn::Next::kPause : Turn::Next::kIdle, .resume_at = resume_at, .ended = now};
  }
  return {.next = Refill() ? Turn::Next::kAgain : Turn::Next::kIdle, .ended = now};
}

bool Actor::Refill(TimePoint resume_at) {
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

std::optional<RestartVerdict> Actor::Supervise(const Settlement& settlement, TimePoint now) {
  (settlement.status.ok() ? succeeded_ : failed_).Add(1);
  if (settlement.ending != Ending::kThrew) return std::nullopt;
  const RestartVerdict verdict = window_.OnThrow(now);
  (verdict.rests ? rests_ : restarts_).Add(1);
  log_.Threw(index_, std::string(settlement.status.message()), verdict, now);
  return verdict;
}

std::size_t Actor::Abandon() {
  const Settlement settlement = {.ending = Ending::kAbandoned,
                                 .status = absl::CancelledError("run message: the pool was stopped before it began")};
  std::size_t abandoned = 0;
  for (; Refill(); ++abandoned) {
    Task& task = Begin();
    Settle(task, settlement);
  }
  return abandoned;
}

ActorStats Actor::Stats() const {
  return {.succeeded = succeeded_.value(),
          .failed = failed_.value(),
          .restarts = restarts_.value(),
          .rests = rests_.value()};
}

}  // namespace penstock::actorpool
