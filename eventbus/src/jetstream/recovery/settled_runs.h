// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "jetstream/recovery/stream_marks.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// The messages of a stream that this process, and the owners before it, have settled, as runs of consecutive
/// sequences. Nothing that a server reports goes in here: a new leader may report an older state, or one that never
/// was.
///
/// Bounded: of more than `kMost` runs some are forgotten, which costs a repetition at most: never the last ones, which
/// a server is most likely to have lost, and of the others the shortest. Thread-safe.
class SettledRuns {
 public:
  using Run = std::pair<std::uint64_t, std::uint64_t>;  ///< first and last
  static constexpr std::size_t kMost = 16'384;

  struct Excerpt {
    StreamMarks::Mark mark{};  ///< the last message that was delivered; sequence 0: none
    std::vector<Run> runs{};   ///< ascending; none ends after `mark`
  };

  /// Settled in `epoch`; sequences of another than the current one may mean other messages, and are ignored.
  void Settled(std::span<const std::uint64_t> sequences, std::uint64_t epoch);
  /// A message was delivered that was stored then.
  void Delivered(const StreamMarks::Mark& mark);
  /// An owner before this one has settled these, and was delivered `mark`, of the same stream.
  void Learn(std::span<const Run> runs, const StreamMarks::Mark& mark);

  /// From now on, sequences count that were settled in this epoch.
  void BeginEpoch(std::uint64_t epoch);
  /// The stream has lost what came after `last`; 0: everything. Until the next epoch begins, what is settled is of the
  /// stream as it was, and is ignored.
  void EndAt(std::uint64_t last);

  /// The first sequence from `sequence` on that is not known to be settled.
  std::uint64_t FirstUnsettledFrom(std::uint64_t sequence) const;
  /// `most` runs at most, chosen as those that are kept.
  Excerpt Some(std::size_t most) const;

 private:
  void Add(Run run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Bound() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 1;                      // 0: none
  std::map<std::uint64_t, std::uint64_t> runs_ ABSL_GUARDED_BY(mutex_);  // last by first; disjoint, never adjacent
  StreamMarks::Mark mark_ ABSL_GUARDED_BY(mutex_){};
};

}  // namespace penstock::eventbus::jetstream
