// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace penstock::eventbus::jetstream {

/// Whether a reading saw what the leader of the stream had when it was asked. A consumer can run on a server that is
/// behind the leader: it lacks messages then, or still has some that were removed.
///
/// **Thread safety:** thread-compatible.
class ReadingCheck {
 public:
  struct Leader {
    std::uint64_t matching = 0;       ///< number of messages that match
    std::uint64_t last = 0;           ///< sequence of the last message of any subject, asked with `matching`
    std::uint64_t last_matching = 0;  ///< of the last one that matches, asked after that
  };

  explicit ReadingCheck(const Leader& leader) : leader_(leader) {}

  void Read(std::uint64_t sequence) {
    last_read_ = sequence;
    if (sequence <= leader_.last) ++read_;
  }

  /// A server that has the last message has all before it, and has noted all that was removed before it was stored.
  /// Fewer than `matching` were removed while they were read.
  bool complete() const { return last_read_ >= leader_.last_matching && read_ <= leader_.matching; }

 private:
  const Leader leader_;
  std::uint64_t last_read_ = 0;
  std::uint64_t read_ = 0;  // of what the leader counted
};

}  // namespace penstock::eventbus::jetstream
