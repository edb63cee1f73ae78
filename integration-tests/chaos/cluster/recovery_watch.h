// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chaos/ledger.h"
#include "chaos/progress.h"

namespace penstock::chaos {

/// Measures how soon handling goes on after each fault of a cluster. Thread-compatible.
class RecoveryWatch {
 public:
  /// A record of the publisher, or of this consumer process. Records may come again and out of order.
  void Note(const Record& record, std::optional<std::size_t> life);

  /// Waits from `from_ns` on for the first end of a handler of an event that was stored after all that had been
  /// acknowledged by now.
  void Await(std::string fault, std::int64_t from_ns);
  /// The same where much waits: for the first of an event that no handler had begun, in a process that is not cut off.
  void AwaitOutside(std::string fault, std::int64_t from_ns, std::vector<std::size_t> cut_off);
  /// No process is cut off any more: what any of them handles shows a recovery.
  void Healed();

  bool waiting() const { return !waiting_.empty(); }
  const std::vector<Recovery>& recoveries() const { return recoveries_; }

 private:
  struct Waiting {
    std::string fault{};
    std::int64_t from_ns = 0;
    std::uint64_t beyond = 0;  // an event of a higher sequence shows it
    std::vector<std::size_t> cut_off{};
  };

  std::uint64_t stored_ = 0;  // the highest sequence acknowledged
  std::uint64_t begun_ = 0;   // the highest sequence that a handler has begun
  std::vector<Waiting> waiting_{};
  std::vector<Recovery> recoveries_{};
};

}  // namespace penstock::chaos
