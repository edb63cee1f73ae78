// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "message/stored_message.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Finds the acknowledgement that a consumer may send, if one takes in all that was delivered before: never more than
/// the messages up to the first unsettled one. An acknowledgement goes to the reply subject of a delivery; those of one
/// in `kMarkEvery` messages are remembered, and of the last one of every batch. Not of messages that come again on the
/// same inbox: a server lets no acknowledgement follow that of a later delivery.
///
/// **Thread safety:** thread-safe.
class AckFloorTracker {
 public:
  static constexpr std::size_t kMarkEvery = 32;

  /// A new inbox: everything that is pending comes again, in stream order.
  void Restart();
  /// Messages came on this inbox.
  void Arrived(const std::vector<std::unique_ptr<StoredMessage>>& messages);
  /// Messages are settled; what did not come on this inbox (yet) is none of ours. Returns the subject to acknowledge
  /// once `enough` were settled.
  std::optional<std::string> Settled(std::span<const std::uint64_t> sequences, std::size_t enough);
  /// The subject to acknowledge, when anything was settled since the last time.
  std::optional<std::string> Due();

 private:
  struct Delivery {
    std::uint64_t sequence = 0;
    bool settled = false;
  };
  struct Mark {
    std::uint64_t sequence = 0;
    std::string subject{};
  };

  std::deque<Delivery>::iterator Find(std::uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Open(std::uint64_t sequence) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetMark(const StoredMessage& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<std::string> TakeMark() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::deque<Delivery> deliveries_ ABSL_GUARDED_BY(mutex_);  // from the first unsettled one on, by sequence
  std::deque<Mark> marks_ ABSL_GUARDED_BY(mutex_);           // by sequence
  std::uint64_t settled_up_to_ ABSL_GUARDED_BY(mutex_) = 0;
  std::size_t unacknowledged_ ABSL_GUARDED_BY(mutex_) = 0;  // settled, up to there, since the last acknowledgement
  std::size_t unmarked_ ABSL_GUARDED_BY(mutex_) = 0;        // deliveries since the last mark
};

}  // namespace penstock::eventbus::jetstream
