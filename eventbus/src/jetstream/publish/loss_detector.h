// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace penstock::eventbus::jetstream {

/// How a publish was sent so far.
struct Sending {
  std::uint64_t number = 0;    ///< of the last time, counted over all publishes of all subjects; 0: not sent yet
  std::uint64_t look = 0;      ///< when that was
  std::uint64_t retry_at = 0;  ///< the look at which it is to be sent again; 0: not known
  std::uint32_t attempts = 0;
};

/// Decides which publishes to one subject are lost, so that they have to be sent again although the connection lives:
/// their server had stopped, or was no longer the leader.
///
/// A server answers the publishes of one connection to one subject in the order in which they were sent. So a publish
/// is lost when one that was sent after it is acknowledged; and while acknowledgements come, one that was sent after
/// the last of them is merely not answered yet. Without any acknowledgement, time decides. Time is counted in looks,
/// which the owner takes every `kInterval` as long as the connection can be written to.
///
/// **Thread safety:** thread-compatible.
class LossDetector {
 public:
  static constexpr std::chrono::milliseconds kInterval{250};
  static constexpr std::uint64_t kPatience = 8;          ///< looks without any acknowledgement: 2 s
  static constexpr std::uint64_t kLongestPatience = 16;  ///< from the second attempt on: 4 s

  /// It is sent, for the `number`th time over all publishes.
  static void Sent(Sending& sending, std::uint64_t number, std::uint64_t look);
  /// It was answered, but not whether it is stored: to be sent again at one of the next looks.
  static void Unclear(Sending& sending, std::uint64_t look);
  /// It was acknowledged, as no duplicate.
  void Acknowledged(const Sending& sending, std::uint64_t look);
  /// Whether it is to be sent again at this look. An overtaken one is found at one look and sent at the next.
  bool Lost(Sending& sending, std::uint64_t look) const;

 private:
  std::uint64_t acknowledged_ = 0;       // the highest number that was, and
  std::uint64_t acknowledged_look_ = 0;  // the look before that
};

}  // namespace penstock::eventbus::jetstream
