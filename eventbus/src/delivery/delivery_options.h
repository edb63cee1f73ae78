// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// How one subscription delivers.
struct DeliveryOptions {
  bool acknowledges = true;  ///< false: at-most-once; nothing is acknowledged, a failed message is gone
  /// False: a retry is requested with a Nak. True: the retry runs here, and the server learns of it only if this
  /// process dies. For consumers with several owners, where a Nak would give the message to another owner.
  bool retries_in_place = false;
  RetryPolicy retry{};
  AfterDeadLetter after_dead_letter = AfterDeadLetter::kContinue;
  std::size_t outage_after = 0;
  std::chrono::milliseconds ack_wait{30'000};
  std::chrono::milliseconds stuck_after{0};
  /// A message that failed is looked up in its stream before it runs again, once so much time has passed since it came
  /// or was looked up: it may have been deleted. 0: never.
  std::chrono::milliseconds look_up_after{0};
  RateLimit rate{};
  RateLimit key_rate{};
  std::size_t max_concurrent = 0;  ///< handlers at once; 0: no limit
  std::size_t max_in_flight = 4096;
  std::size_t max_bytes = static_cast<std::size_t>(-1);
  std::size_t largest_message = 0;  ///< bytes of the largest possible message; 0: unknown
  /// Within it the server may store an event twice, and the copy of one that was finished here is not run. 0: the
  /// server stores each once.
  std::chrono::nanoseconds duplicate_window{0};
  std::uint64_t seed = 1;  ///< of the jitter; different in every process
};

}  // namespace penstock::eventbus
