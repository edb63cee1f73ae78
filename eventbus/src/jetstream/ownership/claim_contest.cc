// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/claim_contest.h"

namespace penstock::eventbus::jetstream {

ClaimContest::Move ClaimContest::Saw(const Sight& sight, const std::string& own, Time now) {
  if (sight.session == own) return {Step::kHeld};
  if (sight.session.empty() || sight.session_revision == 0) return {Step::kClaim, sight.claim_revision};
  if (sight.session != seen_.session || sight.session_revision != seen_.session_revision) {
    seen_ = sight;
    since_ = now;
  }
  if (now - since_ < lease_time::kRevocation) return {Step::kWait};
  return {Step::kRevoke, sight.session_revision};
}

bool ClaimContest::Won(Answer answer) { return answer == Answer::kCommitted; }

}  // namespace penstock::eventbus::jetstream
