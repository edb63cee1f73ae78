// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "delivery/in_flight_message.h"

namespace penstock::eventbus {

struct Action {
  enum class Kind {
    kDispatch,      ///< hand `item` to its actor; `Refused` when the inbox is full
    kAck,           ///< `message` is over
    kNak,           ///< ask for `message` again, at once
    kTerm,          ///< `message` is over, its dead letter stored
    kExtend,        ///< `item`'s lease; before any other event, since that may end the item
    kDeadLetter,    ///< store `item`, then `DeadLettered`
    kRemoveLetter,  ///< remove the letter `item` was redriven from, then `LetterRemoved`
    kLookUpLetter,  ///< find out whether the letter `item` was redriven from is there, then `LetterLookedUp`
    kLookUp,        ///< find out whether the stream still has `item`, then `LookedUp`
    kStuck,         ///< tell that `item`'s handler does not end; before any other event
  };
  Kind kind = Kind::kDispatch;
  InFlightMessage* item = nullptr;
  std::unique_ptr<StoredMessage> message{};
};

/// The result of `kRemoveLetter`.
enum class LetterRemoval {
  kRemoved,  ///< the letter is gone
  kRefused,  ///< it stays until somebody changes the stream or our permissions; the message does not wait for that
  kFailed,   ///< not now: tried again
};

/// The result of `kLookUpLetter`.
enum class LetterPresence { kThere, kGone, kUnknown };

/// The actions that an event leads to, in order.
struct Actions {
  absl::InlinedVector<Action, 4> list{};
  std::size_t credit = 0;  ///< messages the server may send in addition
  std::size_t window = 0;  ///< unsettled messages that the server may have with us from now on; 0: as before
  /// Sequences of messages that were requested again and have not come: find out whether the stream still has them,
  /// then `OverdueLookedUp`.
  std::vector<std::uint64_t> overdue{};
  std::vector<std::uint64_t> vanished{};  ///< of those that do not come any more
};

}  // namespace penstock::eventbus
