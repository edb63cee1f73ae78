// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace penstock::eventbus {

/// Numbers, each with another one that tells it from the same number in a stream made anew. Beyond `kMost` the lowest
/// is forgotten. Thread-confined to its state machine.
class RememberedNumbers {
 public:
  static constexpr std::size_t kMost = 65'536;

  void Add(std::uint64_t number, std::uint64_t companion) {
    companions_.insert_or_assign(number, companion);
    if (companions_.size() > kMost) companions_.erase(companions_.begin());
  }
  bool Contains(std::uint64_t number, std::uint64_t companion) const {
    const auto found = companions_.find(number);
    return found != companions_.end() && found->second == companion;
  }
  void Clear() { companions_.clear(); }

 private:
  std::map<std::uint64_t, std::uint64_t> companions_;  // by number
};

}  // namespace penstock::eventbus
