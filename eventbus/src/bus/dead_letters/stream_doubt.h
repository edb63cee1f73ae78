// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace penstock::eventbus {

/// Whether the stream of dead letters may be another one than the one that was looked at.
///
/// **Thread safety:** thread-compatible.
class StreamDoubt {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// How long a server has to say that there is no such stream before it is believed. One that comes back says so for a
  /// moment of streams that it has (2.15.1, 0.2 s).
  static constexpr std::chrono::seconds kPatience{3};

  /// A letter was stored at `sequence`, and was not there before. False: that is not above the last one, so the stream
  /// was made anew, or the letter was sent before.
  bool Stored(std::uint64_t sequence) {
    missing_since_.reset();
    doubtful_ = doubtful_ || sequence <= last_sequence_;
    last_sequence_ = sequence;
    return !doubtful_;
  }

  /// No stream took a letter.
  void NotFound() { doubtful_ = true; }

  /// The server said at `now` that there is no such stream. True: it has said nothing else for long enough.
  bool Missing(TimePoint now) {
    if (!missing_since_) missing_since_ = now;
    if (now - *missing_since_ < kPatience) return false;
    doubtful_ = true;
    return true;
  }

  /// The server has the stream.
  void Present() { missing_since_.reset(); }

  /// The stream was looked at, and fits.
  void LookedAt() {
    doubtful_ = false;
    last_sequence_ = 0;
    missing_since_.reset();
  }

  bool doubtful() const { return doubtful_; }

 private:
  bool doubtful_ = false;
  std::uint64_t last_sequence_ = 0;
  std::optional<TimePoint> missing_since_{};
};

}  // namespace penstock::eventbus
