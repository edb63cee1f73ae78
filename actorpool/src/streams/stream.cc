// SPDX-License-Identifier: Apache-2.0
#include "streams/stream.h"

#include <algorithm>
#include <utility>

#include "penstock/actorpool/internal/deadline.h"
#include "supervision/run_handler.h"

namespace penstock::actorpool {
namespace {

constexpr std::chrono::milliseconds kSpacePollInterval{2};

}  // namespace

Admission Stream::Accept(void* message, std::chrono::milliseconds timeout) {
  bool wake = false;
  bool near_full = false;
  {
    MutexLock lock(mutex_);
    if (!closed_ && Reaches(marks_.full) && (timeout.count() <= 0 || !AwaitSpace(lock, DeadlineAfter(timeout)))) {
      ++refused_;
      return Admission::kFull;
    }
    if (closed_) return Admission::kClosed;
    near_full = Append(message);
    if (phase_ == Phase::kIdle) wake = Activate();
  }
  if (wake) scheduler_.WakeOne();
  if (near_full) host_->OnNearFull(id_, marks_.near_full, marks_.full);
  return Admission::kAccepted;
}

bool Stream::Reaches(std::uint64_t depth) {
  if (accepted_ - begun_seen_ < depth) return false;
  begun_seen_ = begun_.value();
  return accepted_ - begun_seen_ >= depth;
}

// A run ends, and tells of the space it made, only after its message; a slow callback delays that. So producers also
// poll.
bool Stream::AwaitSpace(MutexLock& lock, TimePoint deadline) {
  ++waiters_;
  TimePoint now{};
  while (!closed_ && Reaches(marks_.full) && (now = Clock::now()) < deadline) {
    space_.WaitUntil(lock, std::min(deadline, now + kSpacePollInterval));
  }
  --waiters_;
  return closed_ || !Reaches(marks_.full);
}

bool Stream::Append(void* message) {
  inbox_->Append(message);
  ++accepted_;
  if (near_full_.load(std::memory_order_relaxed) || !Reaches(marks_.near_full)) return false;
  near_full_.store(true, std::memory_order_relaxed);
  ++near_full_rises_;
  return true;
}

// The scheduler is told under this lock, so that Close() can promise that it knows of every accepted message.
bool Stream::Activate() {
  phase_ = Phase::kReady;
  self_ = shared_from_this();
  const TimePoint not_before = std::exchange(resume_at_, {});
  return scheduler_.Add(this, not_before > TimePoint{} ? Clock::now() : TimePoint{}, not_before);
}

void Stream::Close(Pending pending) {
  std::unique_ptr<internal::StreamInbox> remains;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    if (pending == Pending::kDrop) begun_.Shut();
    if (waiters_ > 0) space_.NotifyAll();
    if (MayEnd()) remains = BecomeEnded();
  }
  if (remains) End(std::move(remains));
}

bool Stream::Release() {
  std::unique_ptr<internal::StreamInbox> remains;
  bool wake = false;
  {
    MutexLock lock(mutex_);
    phase_ = Phase::kIdle;
    if (closed_ && MayEnd()) {
      remains = BecomeEnded();
    } else if (accepted_ > 0) {
      wake = Activate();
    }
  }
  if (wake) scheduler_.WakeOne();
  return remains != nullptr;
}

bool Stream::MayEnd() const {
  return (phase_ == Phase::kIdle || phase_ == Phase::kReady) && (begun_.shut() || Queued() == 0);
}

std::unique_ptr<internal::StreamInbox> Stream::BecomeEnded() {
  phase_ = Phase::kEnded;
  begun_.Shut();
  near_full_.store(false, std::memory_order_relaxed);
  return std::move(inbox_);
}

// Destroys what is the user's without a lock held, and before anybody learns of the end.
void Stream::End(std::unique_ptr<internal::StreamInbox> remains) {
  remains.reset();
  host_->OnEnded(shared_from_this());
}

RunResult Stream::Run(LatencyMeter&, TimePoint budget_end) {
  if (!BeginRun()) {
    Forget();
    return {};
  }
  return EndRun(HandleBurst(budget_end));
}

bool Stream::BeginRun() {
  MutexLock lock(mutex_);
  if (phase_ == Phase::kEnded) return false;
  phase_ = Phase::kRunning;
  running_inbox_ = inbox_.get();
  if (batch_ == 0) batch_ = inbox_->Take();
  return true;
}

// The kernel's tick is read after every message, since it costs a fraction of the clock. The clock is read only where
// the caller has a budget.
TimePoint Stream::HandleBurst(TimePoint budget_end) {
  const std::int64_t began = CoarseTick();
  const std::int64_t slice = std::chrono::nanoseconds(options_.slice).count();
  const auto may_go_on = [&](std::size_t handled) {
    return handled < options_.burst && !scheduler_.stopped() && CoarseTick() - began < slice &&
           (budget_end == TimePoint::max() || Clock::now() < budget_end);
  };
  for (std::size_t handled = 0; may_go_on(handled) && LoadBatch() && begun_.TryBegin(); ++handled) {
    if (const std::optional<TimePoint> resume_at = HandleNext()) return *resume_at;
  }
  return {};
}

bool Stream::LoadBatch() {
  if (batch_ > 0) return true;
  MutexLock lock(mutex_);
  batch_ = inbox_->Take();
  return batch_ > 0;
}

std::optional<TimePoint> Stream::HandleNext() {
  --batch_;
  if (near_full_.load(std::memory_order_relaxed)) {
    MutexLock lock(mutex_);
    NoteRelief();
  }
  const Completion completion = RunHandler([this] { return running_inbox_->HandleNext(); });
  (completion.status.ok() ? succeeded_ : failed_).Add(1);
  if (completion.disposition != Disposition::kThrew) return std::nullopt;
  const TimePoint now = Clock::now();
  const RestartDecision decision = window_.OnThrow(now);
  (decision.suspended ? suspensions_ : restarts_).Add(1);
  host_->OnThrow(id_, completion.status, decision, now);
  return LaterBy(now, decision.pause);
}

void Stream::NoteRelief() {
  if (Queued() <= marks_.relieved) near_full_.store(false, std::memory_order_relaxed);
}

RunResult Stream::EndRun(TimePoint resume_at) {
  const TimePoint now = Clock::now();
  std::shared_ptr<Stream> self;
  std::unique_ptr<internal::StreamInbox> remains;
  {
    MutexLock lock(mutex_);
    if (batch_ == 0) batch_ = inbox_->Take();
    NoteRelief();
    if (waiters_ > 0 && Queued() <= marks_.full / 2) space_.NotifyAll();
    phase_ = batch_ > 0 ? Phase::kReady : Phase::kIdle;
    if (closed_ && MayEnd()) {
      remains = BecomeEnded();
    } else if (batch_ > 0) {
      return {.next = resume_at > now ? RunResult::Next::kPause : RunResult::Next::kAgain,
              .resume_at = resume_at,
              .ended_at = now};
    }
    resume_at_ = resume_at;
    self = std::move(self_);
  }
  if (remains) End(std::move(remains));
  return {.next = RunResult::Next::kIdle, .ended_at = now};
}

void Stream::Forget() {
  std::shared_ptr<Stream> self;
  MutexLock lock(mutex_);
  self = std::move(self_);
}

StreamStats Stream::Stats() const {
  MutexLock lock(mutex_);
  const std::uint64_t pending = Queued();
  return {.accepted = accepted_,
          .succeeded = succeeded_.value(),
          .failed = failed_.value(),
          .dropped = begun_.shut() ? pending : 0,
          .refused = refused_,
          .restarts = restarts_.value(),
          .suspensions = suspensions_.value(),
          .near_full_rises = near_full_rises_,
          .queued = begun_.shut() ? 0 : pending,
          .near_full = near_full_.load(std::memory_order_relaxed) ? 1U : 0U,
          .running = phase_ == Phase::kRunning ? 1U : 0U};
}

}  // namespace penstock::actorpool
