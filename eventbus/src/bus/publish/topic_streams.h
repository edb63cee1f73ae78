// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"
#include "stream/stream_review.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Sees to it that each topic, and the dead letters, have a stream that fits, which it makes when it is missing.
/// Streams that somebody else made are compared with the rules (`stream/stream_rules.h`): what does not fit is refused;
/// what is to be warned of is logged and counted, once.
///
/// **Thread safety:** thread-safe. **Blocking:** a call that looks asks the server: the first one to publish to a
/// topic, the next one after `LookAgain`, and every other call.
class TopicStreams {
 public:
  TopicStreams(const BusOptions& options, Transport& transport) : options_(options), transport_(transport) {}

  /// The largest message that the stream takes, as far as is known. `kFailedPrecondition` for a stream that does not
  /// fit, naming the field. Whoever is to consume looks every time. Whoever publishes may be a user that is not allowed
  /// to look: it is warned of once, and the PubAck tells whether there is a stream.
  absl::StatusOr<std::size_t> Ensure(std::string_view topic, Storage storage, StreamAccess access);

  /// The topic's stream may not be the one that was seen: the next publish looks.
  void LookAgain(std::string_view topic);

  /// The duplicate window of the topic's stream with file storage, as it was when `Ensure` looked; 0 before.
  std::chrono::nanoseconds DuplicateWindow(std::string_view topic) const;

  /// Whether the topic's stream with file storage keeps messages that are acknowledged or terminated, as far as is
  /// known.
  bool KeepsSettled(std::string_view topic) const;

  /// The same as `Ensure` for the stream of dead letters.
  absl::Status EnsureDeadLetters();

  /// The largest delayed message that its stream takes, as far as is known; errors as `Ensure`. Looks as `Ensure` does.
  absl::StatusOr<std::size_t> EnsureDelayed(StreamAccess access);
  void LookAgainAtDelayed() { delayed_seen_.store(false, std::memory_order_relaxed); }

  /// The stream that `EnsureDelayed` would create.
  StreamSpec DelayedSpec() const;

  /// The largest letter that its stream takes, as far as is known.
  std::size_t max_letter_bytes() const;

  /// The stream that `Ensure` would create.
  StreamSpec SpecFor(std::string_view topic, Storage storage) const;

  std::uint64_t mismatches() const { return mismatches_.load(std::memory_order_relaxed); }
  std::uint64_t warnings() const { return warnings_.load(std::memory_order_relaxed); }

 private:
  struct Found {
    std::uint64_t generation = 0;  ///< of the connection on which the stream was last seen
    std::chrono::nanoseconds duplicate_window{};
    std::int64_t max_message_bytes = 0;  ///< of the stream; 0: no limit, or not known
    bool publishable = false;            ///< it was found to fit publishing
    bool keeps_settled = true;           ///< its retention is by limits
    bool doubtful = false;               ///< it may have been made anew since
  };
  using Seen = std::map<std::string, Found, std::less<>>;

  absl::StatusOr<StreamFacts> Look(StreamNeed need);
  void NoteUnseen(const std::string& stream, const absl::Status& why);
  std::size_t Smaller(std::int64_t stream_limit) const;
  StreamReview Review(const StreamFacts& facts, StreamNeed need) const;
  bool HasNoNews(const StreamFacts& facts, StreamNeed need) const;
  void Note(const StreamReview& review);
  void CountNews(const std::string& text, std::atomic<std::uint64_t>& counter);

  const BusOptions& options_;
  Transport& transport_;
  std::atomic<std::uint64_t> mismatches_{0}, warnings_{0};        // statistics: no order needed
  std::atomic<std::int64_t> letter_limit_{0}, delayed_limit_{0};  // relaxed: numbers by themselves; 0: none
  std::atomic<bool> delayed_seen_{false};                         // relaxed: without it there is one look more
  mutable Mutex mutex_;
  // By topic. A memory stream dies with its server, so a new connection means looking again.
  Seen memory_seen_ ABSL_GUARDED_BY(mutex_);
  Seen file_seen_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> told_ ABSL_GUARDED_BY(mutex_);  // warnings
};

}  // namespace penstock::eventbus
