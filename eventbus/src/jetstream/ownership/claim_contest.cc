// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/claim_contest.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {
namespace {

// A cluster that is slow all the time lets a dead owner's claim be won all the same.
constexpr int kMostGraces = 3;

}  // namespace

ClaimContest::Move ClaimContest::Saw(const Sight& sight, const std::string& own, Time now,
                                     std::chrono::milliseconds patience) {
  if (sight.session == own) return {Step::kHeld};
  if (sight.session.empty()) return {Step::kClaim, sight.claim_revision};
  if (sight.session != seen_.session || sight.session_revision != seen_.session_revision) {
    seen_ = sight;
    since_ = now;
    graces_ = 0;
  } else if (now - looked_ > session_time::kUnseen && graces_ < kMostGraces) {
    ++graces_;
    since_ = std::max(since_, now + session_time::kGrace - patience);
  }
  looked_ = now;
  if (now - since_ < patience) return {Step::kWait};
  // A server that lags behind may show the claim, and not yet the session that it was won in.
  if (sight.session_revision == 0) return {Step::kClaim, sight.claim_revision};
  return {Step::kRevoke, sight.session_revision};
}

bool ClaimContest::Won(Answer answer) { return answer == Answer::kCommitted; }

}  // namespace penstock::eventbus::jetstream
