// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "message/stored_message.h"

namespace penstock::eventbus {

/// The delayed messages that wait, by the time when they are due. The messages themselves are kept as long as their
/// bytes are within a bound; of the others only subject, sequence and time are known, until they are read shortly
/// before they are due.
///
/// Pure: no clock, no thread. **Thread safety:** thread-confined.
class DueQueue {
 public:
  using Time = std::chrono::system_clock::time_point;
  struct Waiting {
    Time due{};
    std::uint64_t sequence = 0;
    std::string subject{};
    std::unique_ptr<StoredMessage> message{};  ///< null: to be read
  };

  explicit DueQueue(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Replaces the subject's message, if that is an earlier one. False: it is known, and `message` may be what was to be
  /// read; or a later one is known. `message` may be null.
  bool Insert(std::string_view subject, std::uint64_t sequence, Time due, std::unique_ptr<StoredMessage> message);
  /// The subject has no message at or before that sequence any more.
  void Erase(std::string_view subject, std::uint64_t sequence);
  void Clear();

  /// The next one that is due at `now`, removed: by time, and in stream order where that is equal. Nothing when there
  /// is none, or its message is to be read first.
  std::optional<Waiting> TakeDue(Time now);
  /// The first message to be read of those that are due before `horizon`. It stays, until `Insert` gives it its message
  /// or `Erase` removes it.
  struct Unread {
    std::string subject{};
    std::uint64_t sequence = 0;
  };
  std::optional<Unread> FirstUnread(Time horizon) const;
  /// Gives the message that was to be read; whatever its size.
  void Fill(const Unread& unread, std::unique_ptr<StoredMessage> message);
  /// It could not be read now: it waits until `due`.
  void PutOff(const Unread& unread, Time due);

  /// When the first one is due.
  std::optional<Time> FirstDue() const;
  std::size_t size() const { return by_due_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<Time, std::uint64_t>;
  using ByDue = std::map<Place, Waiting>;
  bool Fits(const StoredMessage& message) const;
  ByDue::iterator Find(const Unread& unread);
  void Remove(ByDue::iterator at);

  const std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  ByDue by_due_;
  std::set<Place> unread_;
  absl::flat_hash_map<std::string, Place> by_subject_;
};

}  // namespace penstock::eventbus
