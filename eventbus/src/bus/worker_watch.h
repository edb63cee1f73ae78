// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_format.h"

namespace penstock::eventbus {

/// Notices that workers are the bottleneck because handlers wait (for a database, another service): messages wait for a
/// worker for a whole period, and the process takes little processor time meanwhile. Where handlers compute, more
/// workers would not help, and nothing is said. Has no clock: its caller passes what it measured. Thread-confined.
class WorkerWatch {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  static constexpr std::chrono::seconds kPeriod{10};
  static constexpr int kBusyPercent = 50;  ///< of the workers, or of the cores if there are fewer

  struct Sample {
    TimePoint at{};
    Duration cpu{};              ///< that the process has used so far
    std::uint64_t finished = 0;  ///< handlers so far
    std::size_t waiting = 0;     ///< messages, for a worker
  };
  struct Verdict {
    int cpu_percent = 0;         ///< of what the workers could use
    std::uint64_t finished = 0;  ///< in the period
    std::size_t waiting = 0;
  };

  WorkerWatch(std::size_t workers, std::size_t cores)
      : workers_(workers), usable_(std::max<std::size_t>(1, std::min(workers, cores))) {}

  std::size_t workers() const { return workers_; }

  /// The verdict as a line for the log.
  std::string Describe(const Verdict& verdict) const {
    return absl::StrFormat(
        "workers are the bottleneck: %d messages wait for one, and handlers wait too: %d ended in %d s, with %d %% of "
        "the processor time that %d workers can use; set more workers, or answer later with Delivery::Defer",
        verdict.waiting, verdict.finished, kPeriod.count(), verdict.cpu_percent, workers_);
  }

  /// To be called about once a second. A verdict when a period has shown that workers are the bottleneck; the next
  /// period begins then.
  std::optional<Verdict> Observe(const Sample& sample) {
    if (!begun_ || sample.waiting < workers_) {
      begun_ = sample;
      return std::nullopt;
    }
    if (sample.at - begun_->at < kPeriod) return std::nullopt;
    const Sample begun = *begun_;
    begun_ = sample;
    const auto usable = (sample.at - begun.at) * static_cast<Duration::rep>(usable_);
    const Verdict verdict{.cpu_percent = static_cast<int>(100 * (sample.cpu - begun.cpu) / usable),
                          .finished = sample.finished - begun.finished,
                          .waiting = sample.waiting};
    if (verdict.cpu_percent >= kBusyPercent) return std::nullopt;
    return verdict;
  }

 private:
  std::size_t workers_;
  std::size_t usable_;
  std::optional<Sample> begun_{};  // of the period
};

}  // namespace penstock::eventbus
