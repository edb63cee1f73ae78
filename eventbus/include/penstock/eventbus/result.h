// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace penstock {

/// The end of a message: a value, or why it was given up. Kept for a while where its subscription keeps results
/// (`EnvelopeSubscribeOptions::results`); read by `EventBus::AwaitResult` from any process.
struct Result {
  bool handled = false;        ///< false: given up (a dead letter), cancelled, or dropped when it was too old
  std::string value{};         ///< of `Outcome::With`; empty: none
  std::string error_class{};   ///< of a message that was given up: see `penstock::error_class`
  std::string error{};         ///< likewise: one line of up to 1,024 bytes
  std::uint64_t attempts = 0;  ///< made of it
  std::chrono::system_clock::time_point finished_at{};  ///< by the clock of the process that handled it

  friend bool operator==(const Result&, const Result&) = default;
};

/// Where results are kept, and for how long. The same on both sides.
struct ResultOptions {
  /// Of a subscription: whether it keeps results. Each costs one write, for which its message waits and its worker does
  /// not.
  bool keep = false;
  /// A bucket that is created when it is missing. One bucket has one time to live. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string bucket = "PENSTOCK_RESULTS";
  std::chrono::milliseconds time_to_live{3'600'000};  ///< range 100 ms to 10 years
};

}  // namespace penstock
