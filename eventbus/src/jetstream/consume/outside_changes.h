// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::eventbus::jetstream {

/// Notices what others do to a consumer in use, or to its stream: decides when they are looked at, and what is logged.
/// Whether the settings of a consumer fit is decided in `jetstream/api/consumer_settings.h`.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class OutsideChanges {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The first look after a synchronisation, and the time between two.
  static constexpr std::chrono::milliseconds kFirst{1000};
  static constexpr std::chrono::milliseconds kEvery{5000};

  struct Sight {
    std::string paused_until{};        ///< empty: it is not
    std::uint64_t first_sequence = 0;  ///< of the stream
    std::uint64_t delivered = 0;       ///< the last sequence that was sent, as the server says
    std::uint64_t undelivered = 0;     ///< events that the server has yet to send
    std::uint64_t highest_here = 0;    ///< the last sequence that came here, and how many were to follow it then
    std::uint64_t followed_by = 0;
    std::optional<std::uint64_t> lowest_in_hand{};  ///< of what came here and is not settled
  };

  /// Synchronised.
  void Restart(Time now) { due_ = now + kFirst; }
  /// The stream is another.
  void Forget() { first_ = delivered_ = undelivered_ = 0; }
  /// True once each time that a look is due.
  bool Due(Time now);
  /// The look had no answer in time.
  void Failed(Time now) { due_ = now + kFirst; }
  /// The sentences to log, in order.
  std::vector<std::string> Saw(const Sight& sight);

 private:
  bool LostEvents(const Sight& sight) const;

  Time due_{};
  std::string paused_until_{};
  // Of the look before.
  std::uint64_t first_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t undelivered_ = 0;
};

}  // namespace penstock::eventbus::jetstream
