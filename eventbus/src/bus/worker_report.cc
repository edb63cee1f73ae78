// SPDX-License-Identifier: Apache-2.0
#include "bus/worker_report.h"

#include <bit>
#include <ctime>
#include <thread>

namespace penstock::eventbus {
namespace {

constexpr std::chrono::seconds kLookEvery{1};

}  // namespace

WorkerReport::WorkerReport(const actorpool::ActorPool& pool, const LogSink& log)
    : pool_(pool), log_(log), watch_(pool.Stats().workers, std::thread::hardware_concurrency()) {}

void WorkerReport::Look(WorkerWatch::TimePoint now, std::size_t ready) {
  if (!log_ || now < next_look_) return;
  next_look_ = now + kLookEvery;
  std::timespec cpu{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  const actorpool::ActorStats total = pool_.Stats().Total();
  const auto verdict = watch_.Observe({.at = now,
                                       .cpu = std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec),
                                       .finished = total.succeeded + total.failed,
                                       .waiting = total.inbox_depth + ready});
  if (!verdict || !std::has_single_bit(++verdicts_)) return;
  log_(LogLevel::kWarning, watch_.Describe(*verdict));
}

}  // namespace penstock::eventbus
