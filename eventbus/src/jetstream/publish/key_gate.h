// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace penstock::eventbus::jetstream {

/// Lets one publish of each order key go out at a time. Later ones of the key wait behind it, in the order in which
/// they entered, until it has ended. A publish is known by its index, which is above 0 and used once.
///
/// **Thread safety:** thread-compatible.
class KeyGate {
 public:
  /// Whether the publish may go out now. If not, it waits, and a later `Leave` returns it.
  bool Enter(std::uint64_t key, std::uint64_t index);

  /// To be called when a publish that entered has ended, whether it went out or still waited. Returns the publish of
  /// the key that may go out now; 0 when there is none.
  std::uint64_t Leave(std::uint64_t key, std::uint64_t index);

  /// To be called when a publish has failed that may be tried again: takes it out, and returns those that wait behind
  /// it, in their order, which are out then too.
  std::vector<std::uint64_t> Drop(std::uint64_t key, std::uint64_t index);

 private:
  struct Queue {
    std::uint64_t first = 0;                              // went out
    std::unique_ptr<std::deque<std::uint64_t>> behind{};  // null until the key has a second one
  };
  absl::flat_hash_map<std::uint64_t, Queue> queues_{};  // by key
};

}  // namespace penstock::eventbus::jetstream
