// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/actor_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <deque>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "actor.h"
#include "clock.h"
#include "intake.h"
#include "key_hash.h"
#include "latency_meter.h"
#include "penstock/actorpool/internal/mutex.h"
#include "restart_log.h"
#include "scheduler.h"

namespace penstock::actorpool {
namespace {

/// The pool whose messages this thread runs or settles, if any.
thread_local const void* current_pool = nullptr;

/// Linux takes 15 bytes: the pool's name is cut, the worker's number is not.
void NameThisThread(const std::string& pool, std::size_t worker) {
  const std::string suffix = absl::StrCat("-w", worker);
  pthread_setname_np(pthread_self(), (pool.substr(0, 15 - suffix.size()) + suffix).c_str());
}

ActorPoolOptions WithWorkers(ActorPoolOptions options) {
  if (options.workers == 0) options.workers = std::max(1U, std::thread::hardware_concurrency());
  return options;
}

/// One intake for 16 actors: more would let chunks hold fewer messages of one actor, fewer would let producers meet.
int IntakeBits(std::size_t actors) {
  constexpr std::size_t kMostIntakes = 64;
  return std::countr_zero(std::bit_floor(std::clamp<std::size_t>(actors / 16, 1, kMostIntakes)));
}

}  // namespace

class ActorPool::Core {
 public:
  explicit Core(ActorPoolOptions options);
  ~Core() { Stop(); }

  absl::Status StartWorkers();
  Admission Offer(Message& message, std::chrono::milliseconds timeout, bool& wake);
  void WakeOne() { scheduler_.WakeOne(); }
  std::optional<std::size_t> BeginHelp() { return OnOwnThread() ? std::nullopt : scheduler_.BeginHelp(); }
  void Help(std::size_t helper, TimePoint enough);
  void RelieveHelper() { scheduler_.RelieveHelper(); }
  absl::Status Refusal(Admission admission) const;
  std::size_t ActorFor(std::string_view key) const { return SlotOf(KeyHash(key), options_.actors); }
  PoolStats Stats() const;
  absl::Status Drain(std::chrono::milliseconds timeout);
  void Stop();

 private:
  enum class Life { kOpen, kEnding, kEnded };

  std::size_t intakes() const { return std::size_t{1} << intake_bits_; }
  Intake& IntakeOf(std::size_t actor) { return *intakes_[actor & (intakes() - 1)]; }
  const Intake& IntakeOf(std::size_t actor) const { return *intakes_[actor & (intakes() - 1)]; }
  std::size_t NumberOf(std::size_t actor) const { return actor >> intake_bits_; }

  bool OnOwnThread() const { return current_pool == this; }
  void RunWorker(std::size_t worker);
  void CloseEntrance();
  bool End(TimePoint deadline);
  void EndNow();

  const ActorPoolOptions options_;
  const int intake_bits_;  ///< an actor belongs to the intake that its lowest bits name
  RestartLog restart_log_;
  Scheduler scheduler_;
  std::vector<std::unique_ptr<Intake>> intakes_;
  std::deque<Actor> actors_;
  std::vector<LatencyMeter> meters_;  ///< one per worker, then one per helper
  /// Relaxed: it spreads messages and orders nothing.
  std::atomic<std::uint64_t> unkeyed_{0};
  std::atomic<std::uint64_t> abandoned_{0};  ///< relaxed: a count of its own
  std::vector<std::jthread> workers_;        ///< filled by Create, joined by the one thread that ends the pool

  Mutex life_mutex_;
  Life life_ ABSL_GUARDED_BY(life_mutex_) = Life::kOpen;
  CondVar ended_;
};

ActorPool::Core::Core(ActorPoolOptions options)
    : options_(WithWorkers(std::move(options))),
      intake_bits_(IntakeBits(options_.actors)),
      restart_log_(options_.name, options_.log),
      scheduler_(options_.actors + intakes(), options_.workers),
      meters_(options_.workers + Scheduler::kHelpers) {
  for (std::size_t i = 0; i < intakes(); ++i) {
    intakes_.push_back(std::make_unique<Intake>(options_.inbox_capacity, scheduler_));
  }
  for (std::size_t i = 0; i < options_.actors; ++i) {
    Intake& intake = IntakeOf(i);
    intake.Serve(actors_.emplace_back(i, options_, scheduler_, restart_log_, intake, NumberOf(i)));
  }
}

absl::Status ActorPool::Core::StartWorkers() try {
  for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this, i] { RunWorker(i); });
  return absl::OkStatus();
} catch (const std::system_error& error) {
  return absl::ResourceExhaustedError(absl::StrCat("start worker ", workers_.size(), " of pool \"", options_.name,
                                                   "\": ", error.what(), "; use fewer workers or raise the limit"));
}

void ActorPool::Core::RunWorker(std::size_t worker) {
  NameThisThread(options_.name, worker);
  current_pool = this;
  Turn turn;
  for (Runnable* next = nullptr; (next = scheduler_.Next(next, turn)) != nullptr;) {
    turn = next->Run(meters_[worker], TimePoint::max());
  }
}

void ActorPool::Core::Help(std::size_t helper, TimePoint enough) {
  const void* const outer_pool = std::exchange(current_pool, this);
  LatencyMeter& meter = meters_[options_.workers + helper];
  Turn turn;
  Runnable* next = nullptr;
  while ((next = scheduler_.NextForHelper(helper, next, turn, turn.ended < enough)) != nullptr) {
    turn = next->Run(meter, enough);
  }
  current_pool = outer_pool;
}

Admission ActorPool::Core::Offer(Message& message, std::chrono::milliseconds timeout, bool& wake) {
  const std::size_t index =
      message.key.empty() ? unkeyed_.fetch_add(1, std::memory_order_relaxed) % options_.actors : ActorFor(message.key);
  if (timeout.count() > 0 && OnOwnThread()) timeout = {};
  return IntakeOf(index).Offer(NumberOf(index), message, timeout, wake);
}

absl::Status ActorPool::Core::Refusal(Admission admission) const {
  if (admission == Admission::kFull) {
    return absl::ResourceExhaustedError(absl::StrCat("process message: its inbox in pool \"", options_.name,
                                                     "\" holds ", options_.inbox_capacity,
                                                     " messages already; wait, add workers or raise inbox_capacity"));
  }
  return absl::UnavailableError(absl::StrCat("process message: pool \"", options_.name,
                                             "\" is draining or stopped; hand messages over before that"));
}

PoolStats ActorPool::Core::Stats() const {
  PoolStats stats = {.name = options_.name,
                     .inbox_capacity = options_.inbox_capacity,
                     .workers = options_.workers,
                     .abandoned = abandoned_.load(std::memory_order_relaxed)};
  stats.actors.reserve(actors_.size());
  for (const LatencyMeter& meter : meters_) meter.AddTo(stats.latency);
  for (std::size_t i = 0; i < actors_.size(); ++i) stats.actors.push_back(IntakeOf(i).Stats(NumberOf(i)));
  return stats;
}

absl::Status ActorPool::Core::Drain(std::chrono::milliseconds timeout) {
  const std::string what = absl::StrCat("drain pool \"", options_.name, "\": ");
  if (OnOwnThread()) {
    return absl::FailedPreconditionError(what + "called from one of its workers; drain from a thread outside the pool");
  }
  const TimePoint deadline = DeadlineAfter(timeout);
  CloseEntrance();
  if (!scheduler_.AwaitIdle(deadline) || !End(deadline)) {
    return absl::DeadlineExceededError(absl::StrCat(what, "messages are not settled after ", timeout.count(),
                                                    "ms; wait again, or abandon them with Stop()"));
  }
  const std::uint64_t abandoned = abandoned_.load(std::memory_order_relaxed);
  if (abandoned == 0) return absl::OkStatus();
  return absl::CancelledError(absl::StrCat(what, "Stop() abandoned ", abandoned, " messages"));
}

void ActorPool::Core::Stop() {
  if (!OnOwnThread()) {
    scheduler_.Stop();  // First, so that nothing begins any more once a message was refused.
    CloseEntrance();
    End(TimePoint::max());
  } else if (options_.log) {
    options_.log(LogLevel::kError,
                 absl::StrCat("stop pool \"", options_.name,
                              "\": called from one of its workers; stop from a thread outside the pool"));
  }
}

void ActorPool::Core::CloseEntrance() {
  for (const auto& intake : intakes_) intake->Close();
}

/// Ends the pool on the thread that comes first; others wait for it, false when `deadline` passes meanwhile.
bool ActorPool::Core::End(TimePoint deadline) {
  {
    MutexLock lock(life_mutex_);
    while (life_ == Life::kEnding) {
      if (!ended_.WaitUntil(lock, deadline)) return life_ == Life::kEnded;
    }
    if (life_ == Life::kEnded) return true;
    life_ = Life::kEnding;
  }
  EndNow();
  MutexLock lock(life_mutex_);
  life_ = Life::kEnded;
  ended_.NotifyAll();
  return true;
}

void ActorPool::Core::EndNow() {
  scheduler_.Stop();
  workers_.clear();
  scheduler_.AwaitHelpers();
  const void* const outer_pool = std::exchange(current_pool, this);
  for (const auto& intake : intakes_) intake->Flush();
  for (Actor& actor : actors_) abandoned_.fetch_add(actor.Abandon(), std::memory_order_relaxed);
  current_pool = outer_pool;
}

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
  bool wake = false;
  const Admission admission = core_->Offer(message, timeout, wake);
  if (wake) core_->WakeOne();
  return admission == Admission::kAccepted ? absl::OkStatus() : core_->Refusal(admission);
}

Admission ActorPool::TryProcess(Message& message) { return Batch(*this).TryProcess(message); }

Admission ActorPool::Batch::TryProcess(Message& message) {
  bool wake = false;
  const Admission admission = pool_.core_->Offer(message, std::chrono::milliseconds{0}, wake);
  if (wake) ++wakes_;
  return admission;
}

ActorPool::Batch::~Batch() {
  for (; wakes_ > 0; --wakes_) pool_.core_->WakeOne();
}

std::optional<std::size_t> ActorPool::BeginHelp() { return core_->BeginHelp(); }

void ActorPool::Help(std::size_t helper, std::chrono::nanoseconds enough) {
  core_->Help(helper, Clock::now() + enough);
}

void ActorPool::RelieveHelper() { core_->RelieveHelper(); }

std::size_t ActorPool::ActorFor(std::string_view key) const { return core_->ActorFor(key); }

PoolStats ActorPool::Stats() const { return core_->Stats(); }

absl::Status ActorPool::Drain(std::chrono::milliseconds timeout) { return core_->Drain(timeout); }

void ActorPool::Stop() { core_->Stop(); }

}  // namespace penstock::actorpool
