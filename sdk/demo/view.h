// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "report.h"

namespace penstock::demo {

/// One moment of a run.
struct Progress {
  std::chrono::nanoseconds elapsed{};
  std::uint64_t events = 0;  ///< that there will be
  std::uint64_t published = 0;
  std::uint64_t handled = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t retried = 0;
  std::uint64_t restarted = 0;
  std::uint64_t held_keys = 0;
  std::uint64_t parked = 0;
  std::uint64_t order_violations = 0;
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p99{};
  std::vector<std::uint64_t> actors{};  ///< messages each actor has handled
};

/// Turns one moment after the other into text: a frame of several lines to be drawn over the last one, or one plain
/// line. Pure but for what it remembers of the last moment. Thread-compatible.
class ProgressView {
 public:
  ProgressView(std::string title, const Style& style) : title_(std::move(title)), style_(style) {}

  /// The frame, with the codes that put it over the one before.
  std::string Frame(const Progress& now);

  /// Takes the last frame away and gives the terminal back as it was.
  std::string Clear();

  /// The same facts in one line.
  std::string Line(const Progress& now);

 private:
  void Follow(const Progress& now);
  std::string Bar(double share) const;
  std::string ActorBars() const;

  const std::string title_;
  const Style style_;
  int lines_drawn_ = 0;
  Progress last_{};
  double rate_ = 0;               // events/s of late
  std::vector<double> activity_;  // per actor, of late
};

}  // namespace penstock::demo
