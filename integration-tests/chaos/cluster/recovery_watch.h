// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chaos/ledger.h"
#include "chaos/progress.h"

namespace penstock::chaos {

/// Measures how soon handling goes on after each fault of a cluster: until the first end of a handler of an event that
/// was stored after all that had been acknowledged when the fault began. What a process that is cut off still has in
/// hand does not count. Thread-compatible.
class RecoveryWatch {
 public:
  /// Records may come again and out of order.
  void Note(const Record& record);

  /// Waits from `from_ns` on for the recovery from `fault`.
  void Await(std::string fault, std::int64_t from_ns);

  bool waiting() const { return !waiting_.empty(); }
  const std::vector<Recovery>& recoveries() const { return recoveries_; }

 private:
  struct Waiting {
    std::string fault{};
    std::int64_t from_ns = 0;
    std::uint64_t stored = 0;  // the highest sequence acknowledged by then
  };

  std::uint64_t stored_ = 0;
  std::vector<Waiting> waiting_{};
  std::vector<Recovery> recoveries_{};
};

}  // namespace penstock::chaos
