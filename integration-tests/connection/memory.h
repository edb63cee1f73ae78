// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

#include "support/eventually.h"

namespace penstock::testing {

/// Whether memory is ours alone: the sanitizers' own needs more.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsOurs = false;
#else
inline constexpr bool kMemoryIsOurs = true;
#endif

/// A number in what the kernel tells of this process, for instance "RssAnon", in KiB: the memory it has written to.
inline std::size_t StatusField(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string name;
  for (std::size_t number = 0; status >> name;) {
    if (name == field + ":" && status >> number) return number;
    status.ignore(4096, '\n');
  }
  return 0;
}

/// Memory that this process may write to, whether it has or not, without the stacks of its threads.
inline std::size_t AllocatedBytes() {
  constexpr std::size_t kStackKib = 8192;
  const std::size_t stacks = (StatusField("Threads") - 1) * kStackKib;  // the main thread's is not in VmData
  const std::size_t all = StatusField("VmData");
  return (all - std::min(all, stacks)) * 1024;
}

/// Follows how much more memory the process has allocated than when this was made. Thread-compatible.
class MemoryGrowth {
 public:
  MemoryGrowth() : before_(AllocatedBytes()), sampler_([this](const std::stop_token& stop) { Sample(stop); }) {}

  /// The most so far. Ends the sampling.
  std::size_t Most() {
    sampler_.request_stop();
    if (sampler_.joinable()) sampler_.join();
    return most_ - std::min(most_, before_);
  }

 private:
  void Sample(const std::stop_token& stop) {
    auto sampled = [&] {
      most_ = std::max(most_, AllocatedBytes());
      return stop.stop_requested();
    };
    Eventually(sampled, std::chrono::hours(1), std::chrono::milliseconds(2));
  }

  const std::size_t before_;
  std::size_t most_ = 0;  // of the sampler, until it is joined
  std::jthread sampler_;
};

}  // namespace penstock::testing
