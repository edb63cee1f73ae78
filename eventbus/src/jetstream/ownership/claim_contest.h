// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "jetstream/ownership/ownership_times.h"

namespace penstock::eventbus::jetstream {

/// Decides how the claim to a consumer is won from the session of another process: by writes that a quorum of servers
/// commits, each of them expecting what was read before. A session that is still renewed can not be ended, since the
/// renewal changes what the write expects; so what was read may be old without harm.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class ClaimContest {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The claim and its session as read.
  struct Sight {
    std::string session{};               ///< empty: nobody's
    std::uint64_t claim_revision = 0;    ///< 0: there is no claim
    std::uint64_t session_revision = 0;  ///< 0: the session is over, or not seen yet
  };
  enum class Step {
    kHeld,    ///< it is ours
    kWait,    ///< its session may live; look again
    kRevoke,  ///< end its session; then `AfterRevocation`
    kClaim    ///< write the claim
  };
  struct Move {
    Step step = Step::kWait;
    std::optional<std::uint64_t> expected{};  ///< the revision that the write has to expect; 0: none is there
  };
  /// The outcome of a write.
  enum class Answer { kCommitted, kRefused, kNone };

  /// Returns what follows from a look that was answered at `now`; `own` is this process' session. Counted from its
  /// sending, a slow look could show a renewal that was sent later. A session that has not changed for `patience` is
  /// ended; but where no look was answered for a while, as in an election, its owner could not renew it either, and is
  /// given the time to do so.
  Move Saw(const Sight& sight, const std::string& own, Time now,
           std::chrono::milliseconds patience = session_time::kRevocation);
  /// The session that held the claim was ended: what is next.
  static Move AfterRevocation(const Sight& sight) { return {Step::kClaim, sight.claim_revision}; }
  /// Whether the claim is ours. One that was not answered is none: the next look tells.
  static bool Won(Answer answer);

 private:
  Sight seen_{};
  Time since_{};    // `seen_` is unchanged
  Time looked_{};   // last
  int graces_ = 0;  // given to `seen_`
};

}  // namespace penstock::eventbus::jetstream
