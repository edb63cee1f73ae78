// SPDX-License-Identifier: Apache-2.0
#include "jetstream/settlement.h"

namespace penstock::eventbus::jetstream {

std::string_view SettlementBody(Verb verb) {
  switch (verb) {
    case Verb::kAck:
      return "+ACK";
    case Verb::kNak:
      return "-NAK";
    case Verb::kTerm:
      return "+TERM";
    case Verb::kInProgress:
      return "+WPI";
  }
  return "";
}

}  // namespace penstock::eventbus::jetstream
