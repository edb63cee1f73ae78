// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "bus/cancel/cancel_entry.h"
#include "bus/cancel/cancelled_events.h"

namespace penstock::eventbus {

/// Where an event is that does not run.
enum class InHand {
  kNot,      ///< not here, as far as is known
  kWaits,    ///< here, and no other process may handle it
  kGivenUp,  ///< here, on its way to the dead letters, or to its end
};

/// Decides what a process answers to requests to cancel events of a subscription, and asks handlers to stop. Pure: no
/// clock, no I/O of its own.
///
/// **Thread safety:** thread-safe; stop callbacks run in its calls.
class CancelJudge {
 public:
  using Time = CancelledEvents::Time;
  using Request = CancelledEvents::Request;

  /// Takes note of a request as the bucket has it now, in that state. True: it is to be answered.
  bool Take(std::string_view event_id, CancelState state, const Request& request, Time now);
  /// The answer of this process, which holds from now on; nothing: it has none. `where` tells where the event is,
  /// `was_handled` whether it was handled, as far as is known.
  std::optional<CancelState> Judge(std::string_view event_id, const Request& request, absl::FunctionRef<InHand()> where,
                                   absl::FunctionRef<bool()> was_handled, Time now);

  CancelledEvents& events() { return events_; }
  const CancelledEvents& events() const { return events_; }

 private:
  /// Whether some ran.
  bool HoldAndStop(std::string_view event_id, const Request& request, Time now);

  CancelledEvents events_{};
};

}  // namespace penstock::eventbus
