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

#include "absl/container/flat_hash_map.h"
#include "message/stored_message.h"

namespace penstock::eventbus {

/// The delayed messages that wait, by the time when they are due. The messages themselves are kept as long as their
/// bytes are within a bound; of the others only subject, sequence, time and key are known, until they are read shortly
/// before they are due.
///
/// Of each key one message is out at a time: the next one is given when that was published. One that failed keeps its
/// place, and those of its key that are due later wait behind it.
///
/// Pure: no clock, no thread. **Thread safety:** thread-confined.
class DueQueue {
 public:
  using Time = std::chrono::system_clock::time_point;
  struct Waiting {
    Time due{};
    std::uint64_t sequence = 0;
    std::string subject{};
    std::uint64_t key = 0;
    std::unique_ptr<StoredMessage> message{};  ///< null: to be read
  };

  explicit DueQueue(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// Replaces the subject's message, if that is an earlier one. False: it is known, and its message may be what was to
  /// be read; or a later one is known.
  bool Insert(Waiting waiting);
  /// The subject has no message at or before that sequence any more.
  void Erase(std::string_view subject, std::uint64_t sequence);
  /// Nothing waits any more. What is out is still out.
  void Clear();

  /// The next one that is due at `now` and whose key has none out, removed: by time, and in stream order where that is
  /// equal. Nothing when there is none, or its message is to be read first.
  std::optional<Waiting> TakeDue(Time now);
  /// The one of that key that was out is published.
  void Done(std::uint64_t key);
  /// The one that was out, which failed: it waits until then, without its message, which may be gone by then. Left out
  /// if a later one of its subject is known.
  void PutBack(Waiting failed, Time until);

  /// The first message to be read of those that are due before `horizon`; none while too much is in memory, except the
  /// one that is next. It stays, until `Insert` gives it its message or `Erase` removes it.
  struct Unread {
    std::string subject{};
    std::uint64_t sequence = 0;
  };
  std::optional<Unread> FirstUnread(Time horizon) const;
  /// Gives the message that was to be read; whatever its size.
  void Fill(const Unread& unread, std::unique_ptr<StoredMessage> message);
  /// It could not be read now: it waits until then.
  void PutOff(const Unread& unread, Time until);

  /// When there may be something to take.
  std::optional<Time> NextLook() const;
  /// When the oldest one was or is due.
  std::optional<Time> FirstDue() const;
  std::size_t size() const { return by_due_.size() + held_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Place = std::pair<Time, std::uint64_t>;
  using ByDue = std::map<Place, Waiting>;
  struct Spot {
    Place place{};
    std::uint64_t key = 0;
  };
  /// Of a key of which one is out, or failed, or that has some which waited for that.
  struct Line {
    bool out = false;
    bool failed = false;  ///< and is in `retries_`
    ByDue behind{};
  };
  bool Fits(const StoredMessage& message) const;
  ByDue::iterator Find(const Unread& unread);
  void Hold(ByDue::iterator at, Line& line);
  void Advance(std::uint64_t key);
  void Resume(Time now);
  void Remove(const Spot& spot);
  void Retry(std::uint64_t key, Line& line, Time until);

  const std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  ByDue by_due_;            // without those that are behind others of their key
  std::set<Place> unread_;  // of `by_due_`
  std::set<Place> held_;    // of all that are behind others
  absl::flat_hash_map<std::string, Spot> by_subject_;
  absl::flat_hash_map<std::uint64_t, Line> lines_;  // by key
  std::set<std::pair<Time, std::uint64_t>> retries_;
};

}  // namespace penstock::eventbus
