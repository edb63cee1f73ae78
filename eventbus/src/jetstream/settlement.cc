// SPDX-License-Identifier: Apache-2.0
#include "jetstream/settlement.h"

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {

std::string SettlementBody(Verb verb, std::chrono::milliseconds delay) {
  switch (verb) {
    case Verb::kAck:
      return "+ACK";
    case Verb::kNak:
      if (delay.count() <= 0) return "-NAK";
      return absl::StrCat("-NAK {\"delay\":", std::chrono::nanoseconds(delay).count(), "}");
    case Verb::kTerm:
      return "+TERM";
    case Verb::kInProgress:
      return "+WPI";
  }
  return "";
}

}  // namespace penstock::eventbus::jetstream
