// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "comparison.h"
#include "ledger.h"

namespace penstock::demo {

/// How text is drawn.
struct Style {
  bool colour = false;   ///< ANSI colours
  bool unicode = false;  ///< block characters; otherwise ASCII
};

/// `text` between ANSI codes, such as "1;32" for bold green; unchanged without colour.
std::string Paint(const Style& style, const char* code, const std::string& text);

/// A number as people write it: `12,345`.
std::string Grouped(std::uint64_t number);

/// A duration in milliseconds, with three significant digits where they matter: `0.85`, `12.4`, `1,204`.
std::string Milliseconds(std::chrono::nanoseconds duration);

/// The result of a run.
struct Report {
  std::size_t events = 0;
  std::size_t aggregates = 0;
  std::size_t repeat = 1;
  std::string history{};    ///< where the events are from, in words
  std::string transport{};  ///< `jetstream` or `memory`
  std::string storage{};    ///< where the events lay, in words
  std::size_t actors = 0;
  std::size_t workers = 0;
  Tally tally{};
  std::uint64_t restarted = 0;
  std::uint64_t dead_lettered = 0;
  Comparison comparison{};  ///< of all repetitions together, except `without_history`
  bool dpkg_busy = false;
  std::chrono::nanoseconds elapsed{};  ///< from the first send to the last acknowledgement
  std::chrono::nanoseconds p50{};      ///< from before the publish to its handling
  std::chrono::nanoseconds p99{};

  std::uint64_t lost() const { return events - tally.distinct; }
  double throughput() const;

  /// Every event handled once, in order, and every package where dpkg says it is.
  bool good() const;
};

/// One line of JSON, without line break.
std::string RenderJson(const Report& report);

/// The table at the end of a run: several lines.
std::string RenderSummary(const Report& report, const Style& style);

}  // namespace penstock::demo
