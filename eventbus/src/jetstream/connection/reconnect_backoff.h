// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::eventbus::jetstream {

/// How long to wait before the next attempt to connect. An attempt that fails doubles it, and so does a connection that
/// did not hold; one that held begins anew. Pauses are to be jittered: half to all of them.
///
/// A pure function of what it is told. **Thread safety:** thread-compatible.
class ReconnectBackoff {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kFirst{100};
  /// A server that is back is found within half a second, and asked two to four times a second.
  static constexpr std::chrono::milliseconds kLongest{500};
  static constexpr std::chrono::milliseconds kLongestRefused{30'000};
  static constexpr std::chrono::milliseconds kLongestShortLived{1'000};
  /// A connection that lived so long has held.
  static constexpr std::chrono::milliseconds kHeld{500};

  void Connected(Clock::time_point now) { connected_at_ = now; }
  void Lost(Clock::time_point now) {
    pause_ = now - connected_at_ >= kHeld ? kFirst : std::clamp(pause_ * 2, kFirst, kLongestShortLived);
  }
  /// `refused`: by the server, for credentials or TLS, which time seldom heals.
  void Failed(bool refused) { pause_ = std::max(kFirst, std::min(pause_ * 2, refused ? kLongestRefused : kLongest)); }

  std::chrono::milliseconds pause() const { return pause_; }

 private:
  std::chrono::milliseconds pause_{0};
  Clock::time_point connected_at_{};
};

}  // namespace penstock::eventbus::jetstream
