// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace penstock::eventbus::jetstream {

/// The back-off of a subject whose messages the server cannot store at the moment: 100 ms, doubled up to a second until
/// one is stored.
///
/// **Thread safety:** thread-compatible.
class SubjectBackoff {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::milliseconds kFirst{100};
  static constexpr std::chrono::milliseconds kLongest{1000};

  /// Whether messages are held back.
  bool active() const { return active_; }
  /// The end of it, while `active`.
  TimePoint resume() const { return resume_; }

  /// The server could not store one. No effect while `active`: it answers those on their way likewise.
  void Begin(TimePoint now) {
    if (active_) return;
    length_ = std::clamp(length_ * 2, kFirst, kLongest);
    resume_ = now + length_;
    active_ = true;
  }
  /// Whether it has just ended: the messages are to be sent again.
  bool EndsBy(TimePoint now) {
    if (!active_ || now < resume_) return false;
    active_ = false;
    return true;
  }
  /// A message was stored.
  void Stored() {
    if (!active_) length_ = {};
  }

 private:
  TimePoint resume_{};
  std::chrono::milliseconds length_{};
  bool active_ = false;
};

}  // namespace penstock::eventbus::jetstream
