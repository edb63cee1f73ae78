// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace penstock::eventbus::jetstream {

/// Counts what a session that pulls may still ask for: never more than its window is asked for or in the owner's hands.
/// Asks for half a window at a time, so that one request is being served while the next one waits, and not before a
/// quarter is free or nothing is outstanding: an owner whose window has shrunk never has a quarter free.
///
/// **Thread safety:** thread-compatible.
class PullFlowControl {
 public:
  /// `window` is above 0.
  explicit PullFlowControl(std::size_t window) : window_(window) {}

  struct Request {
    std::uint64_t id = 0;
    std::size_t batch = 0;
  };

  /// The request to send now, counted as sent; nothing when there is not enough credit.
  std::optional<Request> Next();
  /// `count` messages came.
  void Arrived(std::size_t count);
  /// The owner is done with `count` messages. More than it holds widen the window.
  void Granted(std::size_t count);
  /// The server ended request `id` with `pending` messages not delivered, where it said so. Ids that are not
  /// outstanding are ignored.
  void Ended(std::uint64_t id, std::optional<std::uint64_t> pending);
  /// The server takes no request for more than `count` messages; 0: it does.
  void LimitRequests(std::size_t count) { most_ = count; }
  /// Nothing more will come of what was asked for.
  void Forget();

  std::size_t held() const { return held_; }
  /// Asked for and not come yet.
  std::size_t asked() const { return asked_; }

 private:
  std::size_t window_;
  std::size_t most_ = 0;  // of one request; 0: any
  std::size_t held_ = 0;
  std::size_t asked_ = 0;
  std::uint64_t last_id_ = 0;
  // The server serves requests in turns, so which of them a message belongs to is not known, and neither is when one
  // was served in full; older ones than these few have ended.
  std::deque<Request> recent_{};
};

}  // namespace penstock::eventbus::jetstream
