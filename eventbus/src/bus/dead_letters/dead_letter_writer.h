// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/dead_letters/letter_headers.h"
#include "bus/dead_letters/stream_doubt.h"
#include "bus/publish/topic_streams.h"
#include "delivery/actions.h"
#include "delivery/in_flight_message.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/options.h"
#include "transport/stream_contents.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// Writes dead letters for the delivery logic: keeps messages that will not be handled, with their failure history, in
/// the stream `{base}_dead_letters`, looks letters up, and removes those of messages that were handled after a redrive.
///
/// A stream that may have been made anew (`StreamDoubt`) is looked at, and made when it is missing, before any further
/// letter goes there; until then letters count as not stored.
///
/// **Thread safety:** thread-safe. Outlived by its transport and its streams.
/// **Blocking:** `Outstanding` and `StillHolds` only, and `Stop` for what is queued.
/// **Shutdown:** `Stop`; a closed transport makes it quick. The destructor stops.
class DeadLetterWriter {
 public:
  DeadLetterWriter(const BusOptions& options, Transport& transport, TopicStreams& streams);
  ~DeadLetterWriter() { Stop(); }
  DeadLetterWriter(const DeadLetterWriter&) = delete;
  DeadLetterWriter& operator=(const DeadLetterWriter&) = delete;

  /// Stores the item's message; `done` is told once, with true only when the stream has it. The item is read during the
  /// call only, the origin's host is set here. Storing the same delivery twice keeps it once (within the duplicate
  /// window): a letter whose ID the stream knows is looked up, later and on a thread of its own. A letter without its
  /// body, which is too large, is not stored where the original goes with its end.
  void Store(const InFlightMessage& item, LetterOrigin origin, const std::function<void(bool stored)>& done);

  /// Removes a letter, later and on a thread of its own; `done` is told once. One that was gone before is removed.
  /// After `Stop` it is told `kFailed` at once.
  void Remove(std::uint64_t letter, const std::function<void(LetterRemoval removal)>& done);

  /// Finds out whether the letter is there, on the same thread; `done` is told once. `kUnknown` after `Stop`, and while
  /// no server says so that has all letters. One whose stream stays without it, or stays away, was never removed: it
  /// counts as there.
  void LookUp(std::uint64_t letter, const std::function<void(LetterPresence presence)>& done);

  struct OutstandingLetter {
    std::string key{};         ///< percent-encoded, as in the header; empty: none
    std::uint64_t origin = 0;  ///< sequence of the message when it first came to the topic's stream
  };

  struct OutstandingLetters {
    std::vector<OutstandingLetter> letters{};
    StreamContents contents{};  ///< of their stream when the reading began
  };

  /// The letters of the topic's messages that the consumer gave up, oldest first. Takes a request per thousand letters
  /// of the topic, whose number `begin` is told first. `kUnavailable` while it is not known whether there are any.
  absl::StatusOr<OutstandingLetters> Outstanding(std::string_view topic, std::string_view consumer,
                                                 std::function<void(std::uint64_t count)> begin = {});

  /// Whether not one letter was stored or removed since the stream held that. False when it cannot be said. Takes one
  /// request.
  bool StillHolds(const StreamContents& contents);

  /// Runs a task that may block on the same thread. False after `Stop`: it is not run.
  bool Later(std::function<void()> task);

  /// Waits until every removal and look-up that was asked for is told. Idempotent. Not from a `done`.
  void Stop();

 private:
  /// Fails where the body that the letter leaves out would be nowhere once its message is terminated.
  absl::Status CheckKeeps(const InFlightMessage& item, const LetterOrigin& origin, const OutboundMessage& letter) const;
  /// `done`: whether the stream has it for certain.
  void OnStored(const absl::StatusOr<PubAck>& ack, const std::function<void(bool stored)>& done);
  bool HasLetter(std::uint64_t sequence);
  bool MayStore();
  void WantLook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run();
  void LookAtStream();
  LetterRemoval RemoveNow(std::uint64_t letter);
  LetterPresence LookUpNow(std::uint64_t letter);
  LetterPresence NotSeen(std::uint64_t letter);
  /// The server says that there is no such stream; whether it is to be believed.
  bool IsGone();
  absl::StatusOr<OutstandingLetters> OfMissingStream(const absl::Status& missing);
  /// Logs an error of its code once, until `what` succeeds.
  void LogTrouble(LogLevel level, const char* what, const absl::Status& status);
  void Wake() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BusOptions& options_;
  Transport& transport_;
  TopicStreams& streams_;
  const std::string stream_;
  const std::string host_;
  Mutex mutex_;
  CondVar work_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  /// Letters beyond the end of their stream, and since when.
  std::map<std::uint64_t, StreamDoubt::TimePoint> not_seen_ ABSL_GUARDED_BY(mutex_);
  StreamDoubt doubt_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<std::string, absl::StatusCode>> troubles_ ABSL_GUARDED_BY(mutex_);  ///< logged
  bool look_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  ///< begins with its first work
  Mutex stop_mutex_;                            ///< held while `Stop` joins
};

}  // namespace penstock::eventbus
