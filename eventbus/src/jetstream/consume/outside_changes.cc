// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/outside_changes.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {

bool OutsideChanges::Due(Time now) {
  if (now < due_) return false;
  due_ = now + kEvery;
  return true;
}

std::vector<std::string> OutsideChanges::Saw(const Sight& sight) {
  std::vector<std::string> said;
  if (sight.paused_until != paused_until_) {
    said.push_back(sight.paused_until.empty()
                       ? "it is paused no longer"
                       : absl::StrCat("an operator paused it: nothing comes before ", sight.paused_until));
    paused_until_ = sight.paused_until;
  }
  if (LostEvents(sight)) {
    said.push_back(absl::StrCat("events that were not handled are gone: the stream begins with message ",
                                sight.first_sequence, " now; it was purged, or its limits removed them"));
  }
  first_ = sight.first_sequence;
  delivered_ = sight.delivered;
  undelivered_ = sight.undelivered;
  return said;
}

// A server that purges a stream counts what it removed as delivered, so that only the look before tells of it.
bool OutsideChanges::LostEvents(const Sight& sight) const {
  if (sight.first_sequence <= first_) return false;
  const std::uint64_t highest = std::max(sight.highest_here, delivered_);
  const std::uint64_t expected = sight.highest_here >= delivered_ ? sight.followed_by : undelivered_;
  const bool unseen = expected > 0 && sight.first_sequence > highest + 1;
  return unseen || (sight.lowest_in_hand && *sight.lowest_in_hand < sight.first_sequence);
}

}  // namespace penstock::eventbus::jetstream
