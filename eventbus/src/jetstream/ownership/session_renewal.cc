// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/session_renewal.h"

#include <utility>

#include "jetstream/ownership/ownership_times.h"

namespace penstock::eventbus::jetstream {

SessionRenewal::Step SessionRenewal::Next() const {
  if (unknown_) return Step::kRead;
  return revision_ == 0 ? Step::kCreate : Step::kUpdate;
}

SessionRenewal::Time SessionRenewal::Committed(std::uint64_t revision, Time sent) {
  revision_ = revision;
  unknown_ = false;
  return sent + session_time::kProof;
}

SessionRenewal::Found SessionRenewal::Read(std::optional<std::uint64_t> revision) {
  unknown_ = false;
  if (revision) {
    revision_ = *revision;
    return Found::kThere;
  }
  return std::exchange(revision_, 0) == 0 ? Found::kNotYet : Found::kEnded;
}

}  // namespace penstock::eventbus::jetstream
