// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace penstock::eventbus::jetstream {

/// Decides when an owner looks whether the server agrees with it on what is pending.
///
/// A server that changed its leader can have lost acknowledgements: it counts messages as pending that are not in hand
/// here, and when they fill the window it sends nothing more until AckWait. Looked for when nothing comes; twice, since
/// answers may be under way.
///
/// The other way round, an earlier owner's acknowledgement can reach the server late, for a message that was asked for
/// again here: it does not come. Looked for while the first message that is awaited stays the same; less and less
/// often.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class AckAudit {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Whether to look, with the last delivery at `last` and `first` the first message that is awaited.
  bool Due(Time now, Time last, std::optional<std::uint64_t> first) {
    if (first != first_) {
      first_ = first;
      patience_ = kShortestPatience;
      look_ = now + patience_;
    }
    return (now - last >= kIdle && last != in_order_) || (first_ && now >= look_);
  }

  /// A look at `now` showed: so many are pending at the server, so many in hand. True: synchronise.
  bool Saw(std::size_t pending, std::size_t in_hand, Time now, Time last) {
    if (now >= look_) {
      patience_ = std::min(2 * patience_, kLongestPatience);
      look_ = now + patience_;
    }
    if (now - last < kIdle) return false;
    const bool too_many = pending > in_hand;
    suspicions_ = too_many ? suspicions_ + 1 : 0;
    if (!too_many) in_order_ = last;
    return suspicions_ >= 2;
  }

  /// Synchronised.
  void Restart() { suspicions_ = 0; }

 private:
  static constexpr std::chrono::milliseconds kIdle{1000};
  static constexpr std::chrono::milliseconds kShortestPatience{2000};
  static constexpr std::chrono::milliseconds kLongestPatience{64'000};

  int suspicions_ = 0;  // in a row
  Time in_order_{};     // the last delivery before the last look that found all in order
  std::optional<std::uint64_t> first_{};
  std::chrono::milliseconds patience_ = kShortestPatience;
  Time look_{};  // at `first_`, next
};

}  // namespace penstock::eventbus::jetstream
