// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

/// The number a payload consists of, or nothing.
inline std::optional<std::uint64_t> ReadSequence(std::string_view payload) {
  std::uint64_t sequence = 0;
  const auto [end, error] = std::from_chars(payload.data(), payload.data() + payload.size(), sequence);
  if (error != std::errc() || end != payload.data() + payload.size()) return std::nullopt;
  return sequence;
}

/// Checks that the events of each aggregate, numbered 1, 2, 3 and so on, are handled once and in this order.
/// Thread-safe.
class OrderCheck {
 public:
  /// Returns how many events were handled so far, this one included.
  std::uint64_t Handle(const std::string& aggregate, std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    std::uint64_t& last = last_[aggregate];
    if (sequence <= last) {
      ++duplicates_;
    } else {
      violations_ += sequence != last + 1;
      last = sequence;
    }
    return ++handled_;
  }

  /// OK while no event came too early.
  absl::Status Verdict() {
    const std::lock_guard lock(mutex_);
    if (violations_ == 0) return absl::OkStatus();
    return absl::InternalError(std::to_string(violations_) + " events came before their predecessors");
  }

  void PrintJson() {
    const std::lock_guard lock(mutex_);
    std::printf("{\"handled\":%ju,\"order_violations\":%ju,\"duplicates\":%ju,\"aggregates\":%zu}\n",
                std::uintmax_t{handled_}, std::uintmax_t{violations_}, std::uintmax_t{duplicates_}, last_.size());
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::uint64_t> last_;
  std::uint64_t handled_ = 0;
  std::uint64_t violations_ = 0;
  std::uint64_t duplicates_ = 0;
};
