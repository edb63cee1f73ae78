// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace penstock::eventbus {

/// The redeliveries that were asked for with a Nak and have not come when their message is finished: it was handled
/// from memory meanwhile. They may still come, and are no copies. Remembers the latest messages only.
///
/// **Thread safety:** thread-compatible.
class LateRedeliveries {
 public:
  static constexpr std::size_t kMostMessages = 4096;

  void Expect(std::uint64_t sequence, std::uint32_t count) {
    if (count == 0) return;
    expected_[sequence] += count;
    if (expected_.size() > kMostMessages) expected_.erase(expected_.begin());
  }

  /// Whether a redelivery of the message was expected; then there is one less.
  bool Take(std::uint64_t sequence) {
    const auto found = expected_.find(sequence);
    if (found == expected_.end()) return false;
    if (--found->second == 0) expected_.erase(found);
    return true;
  }

  void Clear() { expected_.clear(); }

 private:
  std::map<std::uint64_t, std::uint32_t> expected_;  // by sequence
};

}  // namespace penstock::eventbus
