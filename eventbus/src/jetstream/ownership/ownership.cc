// SPDX-License-Identifier: Apache-2.0
#include "jetstream/ownership/ownership.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {

using ownership_time::kBlind;
using ownership_time::kHalfOpen;
using ownership_time::kMissing;
using ownership_time::kTakeOver;

Ownership::Step Ownership::Saw(const std::optional<Sight>& sight, Time now) {
  if (!sight) return SawNone(now);
  looked_ = now;
  if (!sight->ours) return SawAnothers(*sight, now);
  // Nobody listens there, so that this proves nothing of the time since.
  if (state_ != State::kWithdrawn) since_ = Time();
  state_ = State::kWithdrawn;
  return Step::kBind;
}

// Its owner, if it lives, knows best where to begin again. It notices when the server has been silent for a while, and
// goes on with what it has in hand until then.
Ownership::Step Ownership::SawNone(Time now) {
  if (MayHaveMissedAnOwner(now)) {
    state_ = State::kMissing;
    since_ = now;
  }
  looked_ = now;
  return AfterPatience(now) == Step::kBind ? Step::kMake : Step::kStandBy;
}

// One that took the consumer before it was deleted, and does not know that yet.
bool Ownership::MayHaveMissedAnOwner(Time now) const {
  switch (state_) {
    case State::kUnknown:
    case State::kOwner:
      return false;
    case State::kStandBy:
    case State::kVacant:
      return true;
    case State::kWithdrawn:
      return now - since_ > kTakeOver;
    case State::kMissing:
      return now - looked_ > kBlind;
  }
  return false;
}

Ownership::Step Ownership::SawAnothers(const Sight& sight, Time now) {
  if (!std::exchange(lost_, true) && was_ours_) news_ = true;
  refused_since_.reset();
  if (sight.bound) {
    Enter(State::kStandBy, now);
    return Step::kStandBy;
  }
  if (sight.released) return Step::kBind;
  if (state_ != State::kVacant || vacant_ != sight.inbox) since_ = now;
  vacant_ = sight.inbox;
  state_ = State::kVacant;
  return AfterPatience(now);
}

Ownership::Step Ownership::AfterPatience(Time now) const {
  const bool waits = state_ == State::kVacant || state_ == State::kMissing;
  const Duration patience = state_ == State::kVacant ? kTakeOver : kMissing;
  return waits && now - since_ < patience ? Step::kStandBy : Step::kBind;
}

bool Ownership::Refused(Time now) {
  if (state_ != State::kWithdrawn) {
    Enter(State::kStandBy, now);
    return false;
  }
  if (!refused_since_) refused_since_ = now;
  return now - *refused_since_ >= kHalfOpen;
}

void Ownership::Lost(Time now) {
  Enter(State::kStandBy, now);
  refused_since_.reset();
}

void Ownership::Taken(Time now, std::uint64_t fence) {
  Enter(State::kOwner, now);
  refused_since_.reset();
  const bool anew = std::exchange(was_ours_, true) && fence != 0 && fence != fence_;
  fence_ = fence;
  // Until now the other could settle messages and store dead letters.
  if (std::exchange(lost_, false) || anew) news_ = true;
}

void Ownership::Withdrawn(Time proven) {
  if (state_ == State::kOwner) Enter(State::kWithdrawn, proven);
}

void Ownership::Enter(State state, Time now) {
  if (state_ != state) since_ = now;
  state_ = state;
}

Ownership::Interval Ownership::LookEvery(std::size_t consumers) {
  constexpr std::size_t kForOnePause = 8;
  const auto pauses = static_cast<int>(
      std::clamp<std::size_t>((consumers + kForOnePause - 1) / kForOnePause, 1, ownership_time::kMostPauses));
  return {pauses * ownership_time::kShortestPause, pauses * ownership_time::kLongestPause};
}

Ownership::Duration Ownership::Pause(Time now, Duration usual) const {
  if (state_ != State::kVacant) return usual;
  return std::clamp<Duration>(since_ + kTakeOver - now, std::chrono::milliseconds(1), usual);
}

}  // namespace penstock::eventbus::jetstream
