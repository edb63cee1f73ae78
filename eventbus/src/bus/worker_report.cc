// SPDX-License-Identifier: Apache-2.0
#include "bus/worker_report.h"

#include <bit>
#include <ctime>
#include <thread>

#include "absl/strings/str_format.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookEvery{1};

}  // namespace

WorkerReport::WorkerReport(const actorpool::ActorPool& pool, const LogSink& log)
    : pool_(pool), log_(log), watch_(pool.Stats().workers, std::thread::hardware_concurrency()) {}

void WorkerReport::Look(WorkerWatch::TimePoint now) {
  if (!log_ || now < next_look_) return;
  next_look_ = now + kLookEvery;
  std::timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const actorpool::ActorStats total = pool_.Stats().Total();
  const auto verdict = watch_.Observe({.at = now,
                                       .cpu = std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec),
                                       .finished = total.succeeded + total.failed,
                                       .waiting = total.inbox_depth});
  if (!verdict || !std::has_single_bit(++verdicts_)) return;
  log_(LogLevel::kWarning,
       absl::StrFormat("workers are the bottleneck: %d messages wait for one, and handlers wait too: %d ended in %d s, "
                       "with %d %% of the processor time that %d workers can use; set more workers, or answer later "
                       "with Delivery::Defer",
                       verdict->waiting, verdict->finished, WorkerWatch::kPeriod.count(), verdict->cpu_percent,
                       watch_.workers()));
}

}  // namespace penstock::eventbus
