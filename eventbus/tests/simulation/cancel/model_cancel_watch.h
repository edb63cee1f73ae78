// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "bus/cancel/cancel_judge.h"
#include "delivery/in_flight_message.h"
#include "simulation/cancel/cancel_bucket.h"

namespace penstock::eventbus::simulation {

/// Honours the requests to cancel events of one process, as `CancelWatch` and `Subscription` do. What is answered is
/// decided by the product's own class.
///
/// Thread-compatible. **Shutdown:** `Stop`; it may be destroyed when the run is over only.
class ModelCancelWatch {
 public:
  struct Of {
    std::function<InHand(std::size_t event)> where{};
    /// Whether a handler of the event runs, and was asked to stop.
    std::function<bool(std::size_t event)> is_stopped{};
    std::function<void()> stops_requested{};
  };

  ModelCancelWatch(EventQueue& event_queue, CancelBucket& bucket, Ledger& ledger, Of of);

  void OnEntry(std::size_t event, const CancelRequest& request);
  void Stop();

  /// Asks the bucket before the handler of an event that another process had; then `then`. False: that is not needed.
  bool LookUp(std::size_t event, std::function<void()> then);
  /// False: the event is cancelled. Either way until `Ended`.
  bool Begin(const InFlightMessage& item, std::size_t event, std::stop_source stop);
  bool IsCancelled(const InFlightMessage& item) const { return judge_.events().IsCancelled(&item); }
  /// Where it is cancelled its result does not count.
  void Ended(InFlightMessage& item);
  void GivenUp(std::size_t event) { judge_.events().NoteOver(std::to_string(event)); }

 private:
  void Check(std::size_t event, CancelState answer) const;

  EventQueue& event_queue_;
  CancelBucket& bucket_;
  Ledger& ledger_;
  const Of of_;
  CancelJudge judge_{};
  bool stopped_ = false;
};

}  // namespace penstock::eventbus::simulation
