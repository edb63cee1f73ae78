// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace penstock::eventbus::jetstream {

/// Which messages a consumer's earlier owners had settled, learnt at a synchronisation: all up to the ack floor; and of
/// those between it and the last one delivered all but the pending ones. The server sends these again, in stream order,
/// before anything new; so the rest is known when something new has come and at least as many had come before as were
/// pending. A server that is killed may forget settlements and send such messages once more. Thread-compatible.
class RecoveredAckState {
 public:
  using Range = std::pair<std::uint64_t, std::uint64_t>;  ///< first and last
  using Ranges = std::vector<Range>;

  /// The server's report when the consumer became ours: stream sequences, and how many up to `delivered` are pending.
  /// Returns what is settled whatever comes.
  Ranges Restart(std::uint64_t floor, std::uint64_t delivered, std::uint64_t pending) {
    floor_ = floor;
    delivered_ = delivered;
    pending_ = pending;
    came_.clear();
    done_ = pending == 0;
    const std::uint64_t last = done_ ? delivered : floor;
    return last == 0 ? Ranges{} : Ranges{{1, last}};
  }

  /// A message came. Returns what has become known by that: once, or never.
  Ranges Arrived(std::uint64_t sequence) {
    if (done_) return {};
    if (sequence <= delivered_) {
      came_.insert(sequence);
      return {};
    }
    if (came_.size() < pending_) return {};
    done_ = true;
    return Gaps(std::exchange(came_, {}));
  }

 private:
  Ranges Gaps(const std::set<std::uint64_t>& came) const {
    Ranges gaps;
    std::uint64_t next = floor_ + 1;
    for (const std::uint64_t sequence : came) {
      if (sequence > next) gaps.emplace_back(next, sequence - 1);
      next = std::max(next, sequence + 1);
    }
    if (next <= delivered_) gaps.emplace_back(next, delivered_);
    return gaps;
  }

  std::uint64_t floor_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t pending_ = 0;
  bool done_ = true;
  std::set<std::uint64_t> came_{};
};

}  // namespace penstock::eventbus::jetstream
