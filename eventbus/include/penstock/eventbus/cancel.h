// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace penstock {

/// The state in which a request to cancel an event found it (`EventBus::Cancel`). Others may be added.
enum class Cancelled {
  /// It waited to be published (`PublishOptions::delay`), and will not be.
  kDelayed,
  /// It waits for its turn, or for its next attempt. No handler will begin for it: when its turn comes it is
  /// acknowledged as cancelled.
  kQueued,
  /// Its handler runs, and was asked to stop (`Delivery::stop_token`). Whatever the handler returns, unless that is
  /// `Ack`, the event is acknowledged as cancelled and not tried again.
  kRunning,
  /// Too late: it was handled, or given up.
  kFinished,
  /// No process said so within the time: the event is further back in its stream, nobody has it, or nobody remembers
  /// it. The request is kept, and honoured when the event's turn comes.
  kRequested,
};

/// Where requests to cancel are kept, and for how long. The same on both sides.
struct CancelOptions {
  /// Of a subscription: whether it honours requests. It then has a thread, and reads the bucket before the first
  /// handler of an event that another process had before. Its `Delivery::stop_token` can be asked to stop.
  bool honour = false;
  /// A bucket that is created when it is missing. One bucket has one time to live. 1 to 64 bytes of `[A-Za-z0-9_-]`.
  std::string bucket = "PENSTOCK_CANCELS";
  /// For so long a request holds, from its last answer on: a handler may begin for an event whose turn comes later.
  /// Choose it longer than an event may wait. Range 100 ms to 10 years.
  std::chrono::milliseconds time_to_live{86'400'000};
};

}  // namespace penstock
