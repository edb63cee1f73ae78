// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "message/stored_message.h"

namespace penstock::eventbus {

/// The message IDs of events that this process has finished, so that a copy of one is recognised which the server has
/// stored although the duplicate window forbids it.
///
/// A message is a copy when it has the ID of a finished one and both were stored within the duplicate window of each
/// other, by the server's times: what the server promised to store once. A later message with the same ID is another
/// event. IDs are compared whole, so no other event can be taken for a copy.
///
/// Thread-confined to its flow. Memory is bounded: the last `kMaxEvents` IDs, of at most `kMaxIdBytes`; no longer one
/// is remembered.
class FinishedEvents {
 public:
  static constexpr std::size_t kMaxEvents = 32'768;
  static constexpr std::size_t kMaxIdBytes = 128;  ///< as of `PublishOptions::message_id`

  using Time = std::chrono::system_clock::time_point;

  /// `duplicate_window` is that of the stream; 0: nothing is remembered and nothing recognised.
  explicit FinishedEvents(std::chrono::nanoseconds duplicate_window) : window_(duplicate_window) {}
  FinishedEvents(const FinishedEvents&) = delete;
  FinishedEvents& operator=(const FinishedEvents&) = delete;

  bool enabled() const { return window_.count() > 0; }

  /// An event was finished whose message has this ID and was stored then. Messages without an ID are not remembered.
  void Add(std::string_view id, Time stored_at);
  void Add(const StoredMessage& message) { Add(IdOf(message), message.stored_at()); }
  /// Whether this message is a copy of a finished event.
  bool HasCopyOf(std::string_view id, Time stored_at) const;
  bool HasCopyOf(const StoredMessage& message) const { return HasCopyOf(IdOf(message), message.stored_at()); }
  /// The stream is another: its IDs are new.
  void Clear();

  std::size_t size() const { return events_.size(); }

 private:
  struct Event {
    std::string id{};
    Time stored_at{};
  };

  /// Empty for a stub, which has none.
  static std::string_view IdOf(const StoredMessage& message) {
    return message.Header(header::kMessageId).value_or(std::string_view{});
  }

  const std::chrono::nanoseconds window_;
  std::deque<Event> events_;  // does not move them
  std::size_t oldest_ = 0;    // once there are `kMaxEvents`
  absl::flat_hash_map<std::string_view, Event*> by_id_;
};

}  // namespace penstock::eventbus
