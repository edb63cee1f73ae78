// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace penstock::eventbus::jetstream {

/// The times of a lease that a quorum keeps. A successor begins within 1 s of the loss of an owner, and never before
/// that owner has stopped: it waits longer than a lease lasts, and the owner counts its lease from before it asked.
namespace lease_time {
inline constexpr std::chrono::milliseconds kRenewal(200);     ///< a session is renewed so often
inline constexpr std::chrono::milliseconds kLease(600);       ///< and is good for so long after the renewal was sent
inline constexpr std::chrono::milliseconds kRevocation(660);  ///< a session unchanged for so long may be ended
/// The same while the server believes that its owner listens: the consumer then has to be created again, which costs
/// more than to wait for an owner that comes back.
inline constexpr std::chrono::milliseconds kEviction(900);
}  // namespace lease_time

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
    std::uint64_t session_revision = 0;  ///< 0: the session is over
  };
  enum class Step {
    kHeld,    ///< it is ours
    kWait,    ///< its session may live; look again
    kRevoke,  ///< end its session, expecting `session_revision`
    kClaim    ///< write it, expecting `claim_revision`
  };

  /// Returns what follows from a look that began at `now`; `own` is this process' session. A session that has not
  /// changed for `patience` is ended.
  Step Saw(const Sight& sight, const std::string& own, Time now,
           std::chrono::milliseconds patience = lease_time::kRevocation) {
    if (sight.session == own) return Step::kHeld;
    if (sight.session.empty() || sight.session_revision == 0) return Step::kClaim;
    if (sight.session != seen_.session || sight.session_revision != seen_.session_revision) {
      seen_ = sight;
      since_ = now;
    }
    return now - since_ >= patience ? Step::kRevoke : Step::kWait;
  }

 private:
  Sight seen_{};
  Time since_{};  // `seen_` is unchanged
};

}  // namespace penstock::eventbus::jetstream
