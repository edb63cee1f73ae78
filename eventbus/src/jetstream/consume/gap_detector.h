// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::eventbus::jetstream {

/// Notices that deliveries of a consumer were lost on their way: it numbers every one of them. Thread-compatible.
class GapDetector {
 public:
  /// Forgets; the next delivery may have any number.
  void Restart() { last_ = 0; }

  /// Takes note of a delivery; false when some are missing before it or it is out of turn, and then it is not taken
  /// note of.
  bool Follows(std::uint64_t consumer_sequence) {
    if (last_ != 0 && consumer_sequence != last_ + 1) return false;
    last_ = consumer_sequence;
    return true;
  }

  /// Whether nothing is missing when the server says that `consumer_sequence` was the last it sent.
  bool UpToDate(std::uint64_t consumer_sequence) const { return last_ == 0 || consumer_sequence <= last_; }

 private:
  std::uint64_t last_ = 0;
};

}  // namespace penstock::eventbus::jetstream
