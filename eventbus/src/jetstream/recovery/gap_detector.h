// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "jetstream/message/ack_subject.h"

namespace penstock::eventbus::jetstream {

/// Notices that deliveries of a consumer were lost on their way: it numbers every one of them. Thread-compatible.
class GapDetector {
 public:
  /// Forgets; the next delivery may have any number.
  void Restart() { last_ = 0; }

  /// Takes note of a delivery; false when some are missing before it or it is out of turn, and then it is not taken
  /// note of.
  bool Follows(std::uint64_t consumer_sequence) {
    if (last_ != 0 && consumer_sequence != last_ + 1) return false;
    last_ = consumer_sequence;
    return true;
  }

  /// The stream has come so far at least. After `Restart`, before the first delivery.
  void Expect(std::uint64_t stream_sequence) { stream_sequence_ = stream_sequence; }

  /// Whether a server can have sent these numbers: every delivery has a number of its own, also a repeated one, and no
  /// stream gets on by billions of messages from one delivery to the next. Takes note of the stream's sequence if so.
  bool Believes(const AckSubject& ack) {
    constexpr std::uint64_t kMaxStep = std::uint64_t{1} << 32;
    const bool possible =
        ack.stream_sequence > 0 && ack.delivery_count > 0 && ack.delivery_count <= ack.consumer_sequence &&
        (ack.stream_sequence <= stream_sequence_ || ack.stream_sequence - stream_sequence_ <= kMaxStep);
    if (possible && ack.stream_sequence > stream_sequence_) stream_sequence_ = ack.stream_sequence;
    return possible;
  }

  /// Whether nothing is missing when the server says that `consumer_sequence` was the last it sent.
  bool UpToDate(std::uint64_t consumer_sequence) const { return last_ == 0 || consumer_sequence <= last_; }

 private:
  std::uint64_t last_ = 0;
  std::uint64_t stream_sequence_ = 0;  // the highest known
};

}  // namespace penstock::eventbus::jetstream
