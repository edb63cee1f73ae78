// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/follow/followed_topics.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// A subscription to a pattern: to each topic that the pattern takes and whose stream has its storage.
struct PatternSpec {
  std::uint64_t id = 0;
  std::string pattern{};
  Storage storage = Storage::kMemory;
  /// Subscribes to one topic; returns what `close` is told. Blocks. `kFailedPrecondition` for a topic whose stream is
  /// not fit.
  std::function<absl::StatusOr<std::uint64_t>(const std::string& topic, Beginning begins)> open{};
  /// Ends the subscription to a topic. `wait`: until its running handlers have ended.
  std::function<void(std::uint64_t member, bool wait)> close{};
  /// Whether it has ended by itself, and is to be forgotten. Optional.
  std::function<bool()> ended{};
};

/// Keeps the subscriptions to patterns in agreement with the streams that there are: looks for new streams once per
/// `Transport::list_interval`, subscribes to their topics, and ends subscriptions to topics whose streams are gone.
///
/// A topic whose stream there is when the subscription begins is followed from then on; one whose stream appears later,
/// from that stream's first message on. So nothing that is stored after `Add` has returned is left out.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its thread, `ps-topics`, which begins with the first pattern.
/// **Blocking:** as stated per method. **Ordering:** `open` and `close` of a pattern are called one at a time.
/// **Shutdown:** `StopLooking`, then the members are whoever's; `Stop`.
class TopicFollower {
 public:
  /// `base` begins the names of the bus's streams.
  TopicFollower(std::string base, Transport& transport, LogSink log)
      : base_(std::move(base)), transport_(transport), log_(std::move(log)) {}
  ~TopicFollower() { Stop(); }
  TopicFollower(const TopicFollower&) = delete;
  TopicFollower& operator=(const TopicFollower&) = delete;

  /// Subscribes to all topics that there are. Blocks for that. The first error ends it, unless it is about one topic's
  /// stream, which is then passed over. `wait`: until handlers have ended that ran before an error.
  absl::Status Add(PatternSpec spec, bool wait);

  /// Ends it with all of its members; false for an unknown ID. `wait`: for an `open` that runs, too. Otherwise the
  /// members end with it.
  bool Remove(std::uint64_t id, bool wait);

  /// No further look begins. Does not wait. Idempotent.
  void StopLooking();
  /// The same, and waits for a look that runs.
  void Stop();

 private:
  /// One pattern. Whoever has its turn, one at a time, looks, opens and closes.
  struct Pattern {
    explicit Pattern(PatternSpec of) : spec(std::move(of)) {}

    const PatternSpec spec;
    Mutex mutex;
    CondVar turn_over;
    std::thread::id turn ABSL_GUARDED_BY(mutex){};  ///< of the thread that has it
    bool over ABSL_GUARDED_BY(mutex) = false;
    bool ended_in_turn ABSL_GUARDED_BY(mutex) = false;  ///< by a call that does not wait: the turn closes the members
    // Of the thread that has the turn.
    FollowedTopics topics{};
    std::set<std::pair<std::string, absl::StatusCode>> told{};  ///< topics that were warned of, and why
    bool crowded = false;                                       ///< it takes more topics than can be followed
  };
  using Shared = std::shared_ptr<Pattern>;

  /// False when it is over.
  static bool TakeTurn(Pattern& pattern);
  static void EndTurn(Pattern& pattern);
  static void End(Pattern& pattern, bool wait);
  static bool IsOver(Pattern& pattern);
  static void CloseMembers(Pattern& pattern, bool wait);

  absl::Status Look(Pattern& pattern);
  absl::Status LookInTurn(Pattern& pattern);
  absl::StatusOr<std::set<std::string>> TopicsOf(const std::string& pattern);
  absl::Status Open(Pattern& pattern, const FollowedTopics::ToOpen& what);
  absl::StatusOr<std::uint64_t> TryOpen(const PatternSpec& spec, const FollowedTopics::ToOpen& what);
  void PassOver(Pattern& pattern, const std::string& topic, const absl::Status& why);
  void NoteBeyond(Pattern& pattern, std::size_t beyond);
  bool stopping() const;
  std::map<std::uint64_t, Shared> AwaitLook();
  void Run();

  const std::string base_;
  Transport& transport_;
  const LogSink log_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::uint64_t, Shared> patterns_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
