// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "chaos/ledger.h"

namespace penstock::chaos {

/// How long it took until a fault was over for those who met it.
struct Recovery {
  std::string fault{};
  double ms = 0;
};

/// Follows the ledgers while a run goes on: how far it is, and how soon it goes on after each fault. Thread-compatible.
class Progress {
 public:
  Progress();

  /// Records may come again and out of order.
  void Note(const Record& record);

  /// From now on waits for the first sign of life since `ended_ns`: of the publisher an acknowledgement; of the others
  /// the end of a handler of a message that no handler had begun before.
  void AwaitRecovery(std::string fault, bool of_publisher, std::int64_t ended_ns);

  std::size_t acked() const { return acked_; }
  /// Distinct events that were handled or rejected.
  std::size_t ended() const { return ended_; }
  bool recovering() const { return !waiting_.empty(); }
  const std::vector<Recovery>& recoveries() const { return recoveries_; }

 private:
  struct Waiting {
    std::string fault{};
    bool of_publisher = false;
    std::int64_t ended_ns = 0;
    std::uint64_t begun = 0;  // the highest stream sequence that a handler had begun
  };

  static bool Shows(const Record& record, const Waiting& waiting);

  std::vector<std::vector<bool>> over_;  // by key and number
  std::size_t acked_ = 0;
  std::size_t ended_ = 0;
  std::uint64_t begun_ = 0;
  std::vector<Waiting> waiting_{};
  std::vector<Recovery> recoveries_{};
};

}  // namespace penstock::chaos
