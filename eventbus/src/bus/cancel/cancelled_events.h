// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// Which events of a subscription are cancelled, which of them run here, and which are over. Pure logic.
///
/// A cancelled event is held: no handler begins for it, until its request has expired. Events that are over are
/// remembered by their IDs, the last `kMostOver` of them.
///
/// **Thread safety:** thread-safe; stop callbacks are left to the caller.
class CancelledEvents {
 public:
  using Time = std::chrono::system_clock::time_point;
  static constexpr std::size_t kMostOver = 16'384;

  /// A request as its bucket has it.
  struct Request {
    std::uint64_t revision = 0;
    Time expires_at{};
    bool answered = false;
  };
  /// The end of what began.
  struct End {
    std::string event_id{};
    bool cancelled = false;  ///< it was held when it began, or while it ran
  };

  /// From now on no handler begins for the event. Returns the sources of those that run: if there are any, the caller
  /// answers the request, and what they end with does not.
  std::vector<std::stop_source> Hold(std::string_view event_id, const Request& request, Time now);
  /// The request is not in force any more.
  void Withdraw(std::string_view event_id);
  bool Holds(std::string_view event_id, Time now) const;
  /// Somebody was told that it does not run.
  void NotePromised(std::string_view event_id);
  /// Whether it was acknowledged as cancelled here, or somebody was told that it does not run.
  bool WasCancelled(std::string_view event_id) const;
  /// The revision of the event's request that nobody has answered.
  std::optional<std::uint64_t> Unanswered(std::string_view event_id) const;

  /// The handler of the event is about to begin, for the message `item`; false: it must not. Either way until `Ended`.
  bool Begin(const void* item, std::string_view event_id, std::stop_source stop, Time now);
  bool IsCancelled(const void* item) const;
  /// It has; nothing if it had not begun. `over`: it was handled, or will not be.
  std::optional<End> Ended(const void* item, bool over);

  /// The event was given up.
  void NoteOver(std::string_view event_id);
  bool IsOver(std::string_view event_id) const;

  std::size_t held() const;

 private:
  struct Run {
    std::string event_id{};
    std::stop_source stop{std::nostopstate};
    bool cancelled = false;
  };

  struct Held {
    Request request{};
    bool cancelled = false;  ///< its handler was not called for that reason, or ended for it, or that was promised
  };

  void ForgetExpired(Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RememberOver(std::string_view event_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Held, std::less<>> held_ ABSL_GUARDED_BY(mutex_);
  std::size_t look_at_ ABSL_GUARDED_BY(mutex_) = 64;  // this many held, expired ones are looked for
  absl::flat_hash_map<const void*, Run> runs_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> over_ ABSL_GUARDED_BY(mutex_);  // does not move them
  absl::flat_hash_set<std::string_view> over_ids_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::eventbus
