// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace penstock::eventbus::jetstream {

/// Keeps what a server sends again to a new inbox back until all of it is there, so that it can be handed on in stream
/// order. A server sends all pending messages before anything new, but in the order of its queue for redelivery: what
/// an earlier owner, or an earlier try of ours, left in that queue comes first (2.9.10, 2.10.27 and 2.15.1, by their
/// source, `forceExpirePending`).
///
/// Tells also which messages the consumer's earlier owners had settled: all up to the ack floor; and of those between
/// it and the last one delivered all but the pending ones, known when something new has come and at least as many had
/// come before as were pending. A server that is killed may forget settlements and send such messages once more.
///
/// Thread-compatible.
class RecoveryBarrier {
 public:
  using Range = std::pair<std::uint64_t, std::uint64_t>;  ///< first and last
  using Ranges = std::vector<Range>;

  /// The fate of a message.
  enum class Verdict {
    kPass,       ///< hand it on
    kHold,       ///< more is to come that may have to go before it
    kRelease,    ///< all is there: hand it on with what was held, in stream order
    kIncomplete  ///< the server goes on with something new, and not all that was pending has come
  };

  /// The server's report when the consumer became ours: stream sequences, and how many up to `delivered` are pending.
  /// Unless `insists`, what does not come before something new is done without. Returns what is settled whatever comes.
  Ranges Restart(std::uint64_t floor, std::uint64_t delivered, std::uint64_t pending, bool insists);

  Verdict Arrived(std::uint64_t sequence);

  /// Whether messages are held back.
  bool up() const { return up_; }
  /// Nothing more comes: what was held may go on.
  void Lift() { up_ = false; }
  /// Sorts messages that were held into the order in which they are handed on: that of the stream.
  template <typename Message>
  static void Sort(std::vector<Message>& held) {
    std::ranges::stable_sort(held, {}, &Message::sequence);
  }

  /// To be asked for each message that is handed on: what has become known by it; once, or never.
  Ranges SettledBefore(std::uint64_t sequence);

 private:
  Ranges Gaps(const std::set<std::uint64_t>& came) const;

  std::uint64_t floor_ = 0;
  std::uint64_t delivered_ = 0;
  std::uint64_t pending_ = 0;
  bool insists_ = true;
  bool up_ = false;
  bool known_ = true;
  std::set<std::uint64_t> came_{};
};

}  // namespace penstock::eventbus::jetstream
