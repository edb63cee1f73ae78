// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "jetstream/recovery/stream_marks.h"

namespace penstock::eventbus::jetstream {

/// Decides whether a stream is the one that was delivered from, when it has less than was delivered: a stream that was
/// deleted and created again within a second cannot be told by its creation time. One of its messages can: a replica
/// that lags behind has it as it was. Where none can be compared, it may lag; in the end it is taken for another.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class StreamLineage {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class Verdict {
    kSame,
    kLags,        ///< the server has less than was delivered: look again
    kLostItsEnd,  ///< it stays so: what came after its last is gone
    kMadeAgain    ///< nothing of it is left
  };

  void Delivered(std::uint64_t sequence, std::chrono::system_clock::time_point stored_at);

  /// The message to compare before `Saw`, for a stream with `last` as its last; nothing when none is needed.
  std::optional<StreamMarks::Mark> Doubts(bool same_time, std::uint64_t last) const;
  /// `same_time`: it was created when the one before was; `as_it_was`: whether the message that `Doubts` named is, if
  /// it named one.
  Verdict Saw(bool same_time, std::uint64_t last, std::optional<bool> as_it_was, Time now);
  /// Messages flow again.
  void Settled() { lags_since_.reset(); }

  /// The last that was delivered.
  std::uint64_t highest() const { return highest_; }

 private:
  static constexpr std::chrono::seconds kLongestLag{10};  // a replica gets what it lacks within this, or never

  Verdict BeginAt(std::uint64_t last, Verdict verdict);

  StreamMarks marks_{};
  std::uint64_t highest_ = 0;
  std::optional<Time> lags_since_{};
};

}  // namespace penstock::eventbus::jetstream
