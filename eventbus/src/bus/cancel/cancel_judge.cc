// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancel_judge.h"

namespace penstock::eventbus {

bool CancelJudge::HoldAndStop(std::string_view event_id, const Request& request, Time now) {
  auto running = events_.Hold(event_id, request, now);
  for (std::stop_source& each : running) each.request_stop();
  return !running.empty();
}

bool CancelJudge::Take(std::string_view event_id, CancelState state, const Request& request, Time now) {
  if (state == CancelState::kRequested) return true;
  if (state == CancelState::kFinished) {
    events_.Withdraw(event_id);
  } else {
    HoldAndStop(event_id, request, now);
    if (state == CancelState::kQueued) events_.NotePromised(event_id);
  }
  return false;
}

// An event that is over is not held, so that it is handled if it is redriven; but what was promised once stays so for a
// later request. It can end until it is held: hence the second look.
std::optional<CancelState> CancelJudge::Judge(std::string_view event_id, const Request& request,
                                              absl::FunctionRef<InHand()> where, absl::FunctionRef<bool()> was_handled,
                                              Time now) {
  const bool promised = events_.WasCancelled(event_id);
  if (!promised && events_.IsOver(event_id) && where() != InHand::kWaits) return CancelState::kFinished;
  if (HoldAndStop(event_id, request, now)) return CancelState::kRunning;
  const InHand place = where();
  if (place == InHand::kWaits || events_.WasCancelled(event_id)) {
    events_.NotePromised(event_id);
    return CancelState::kQueued;
  }
  if (place == InHand::kNot && !events_.IsOver(event_id) && !was_handled()) return std::nullopt;
  events_.Withdraw(event_id);
  return CancelState::kFinished;
}

}  // namespace penstock::eventbus
