// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "simulation/event_queue.h"

namespace penstock::eventbus::simulation {

/// Thrown where an invariant is found broken; ends the run.
struct Violation {
  std::string invariant{};
  std::string story{};
};

/// The last things that happened. Thread-compatible.
class Trace {
 public:
  static constexpr std::size_t kKept = 48;

  /// With `out`, everything is printed as it happens.
  Trace(const EventQueue& event_queue, std::ostream* out) : event_queue_(event_queue), out_(out), steps_(kKept) {}

  /// `what` and `detail` are literals.
  void Note(const char* what, std::uint64_t subject = 0, const char* detail = nullptr, std::uint64_t value = 0) {
    const Step step{event_queue_.now(), what, subject, detail, value};
    if (out_ != nullptr) Print(step, *out_);
    steps_[count_++ % kKept] = step;
  }

  void PrintLast(std::ostream& out) const {
    for (std::size_t index = count_ < kKept ? 0 : count_ - kKept; index < count_; ++index)
      Print(steps_[index % kKept], out);
  }

 private:
  struct Step {
    TimePoint at{};
    const char* what = "";
    std::uint64_t subject = 0;
    const char* detail = nullptr;
    std::uint64_t value = 0;
  };

  static void Print(const Step& step, std::ostream& out);

  const EventQueue& event_queue_;
  std::ostream* const out_;
  std::vector<Step> steps_;
  std::size_t count_ = 0;
};

/// "12.345678 s": since the beginning of a run.
std::string VirtualTime(TimePoint at);

}  // namespace penstock::eventbus::simulation
