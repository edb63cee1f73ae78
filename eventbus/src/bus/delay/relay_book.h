// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "bus/delay/delayed_message.h"
#include "bus/delay/due_queue.h"

namespace penstock::eventbus {

/// The delayed messages as a relay knows them, and its next step: which one to put forward, to read, to remove. One
/// that is being published is neither taken a second time nor removed before its PubAck; all that an owner before this
/// one left is read before anything is published. On a cluster a reading may be of a replica that lags behind; so a
/// mark is stored first, and only a reading that has it counts.
///
/// Pure: no clock, no thread, no I/O. **Thread safety:** thread-confined.
class RelayBook {
 public:
  using Time = DueQueue::Time;

  struct Limits {
    std::size_t most_bytes = 0;           ///< of messages in memory
    std::size_t most_unacknowledged = 1;  ///< published, without a PubAck
  };
  explicit RelayBook(const Limits& limits) : limits_(limits), queue_(limits.most_bytes) {}

  struct Step {
    enum class Kind {
      kNothing,
      kMark,     ///< store a mark in the stream: then `Marked` or `NotMarked`
      kLoad,     ///< read the headers of all that waits, `Note` them, then `Loaded`
      kPublish,  ///< the message `sequence`, which is out from now on: see `Out`
      kRead,     ///< the message `unread`: then `Fill`, `Erase` or `PutOff`
    };
    Kind kind = Kind::kNothing;
    std::uint64_t sequence = 0;
    DueQueue::Unread unread{};
  };
  Step Next(Time now);

  // The stream.
  enum class Noted { kWaits, kKnown, kRemove, kForeign };
  /// A message of the stream, which came or was read; `message` is null when it was told without its body. `kRemove`:
  /// it stands for one that was called off, and is to be removed. `kForeign`: no bus delayed it.
  Noted Note(std::uint64_t sequence, std::string subject, const DelayedFacts& facts,
             std::unique_ptr<StoredMessage> message);
  /// Counts the times that all of the stream had to be read.
  std::uint64_t beginning() const { return beginning_; }
  /// The mark of that beginning is stored; 0: it cannot be, and any reading counts.
  void Marked(std::uint64_t beginning, std::uint64_t sequence);
  /// It is not stored. True: it is to be tried again; false: that was done often enough.
  bool NotMarked(std::uint64_t beginning);
  /// The stream was read up to that sequence. False: that was behind the mark, and both are to be done again.
  bool Loaded(std::uint64_t last_read);
  /// The last mark of the stream, which is to be removed once it is loaded; 0: it has none.
  std::uint64_t mark() const { return mark_; }
  bool loaded() const { return phase_ == Phase::kLoaded; }
  void Fill(const DueQueue::Unread& unread, std::unique_ptr<StoredMessage> message) {
    queue_.Fill(unread, std::move(message));
  }
  void Erase(const DueQueue::Unread& unread) { queue_.Erase(unread.subject, unread.sequence); }
  void PutOff(const DueQueue::Unread& unread, Time until) { queue_.PutOff(unread, until); }
  /// Others owned the durable, and may have published what waits.
  void BeginAnew();
  /// The stream was created again: its sequences mean other messages.
  void ForgetStream();
  /// Counts the streams of that name.
  std::uint64_t epoch() const { return epoch_; }

  // What is out.
  struct Ticket {
    std::uint64_t sequence = 0;
    std::uint64_t key = 0;
    std::uint64_t epoch = 0;
  };
  /// The message that `Next` said to publish; null: it is not out any more.
  const DueQueue::Waiting* Out(std::uint64_t sequence) const;
  /// Names it to the transport.
  Ticket TicketOf(std::uint64_t sequence) const;
  /// The transport has taken one, and will answer with its ticket.
  void Sent() { ++unacknowledged_; }
  /// The transport has answered. The message that was published, which stays out until it is `Stored` or `PutBack`;
  /// null: it is of another stream.
  const DueQueue::Waiting* Answered(const Ticket& ticket);
  /// Its PubAck is here: the next one of its key may follow, and it is to be removed.
  void Stored(std::uint64_t sequence);
  /// It was not published: it waits until then, and those of its key with it.
  void PutBack(std::uint64_t sequence, Time until);
  /// It is removed.
  void Removed(std::uint64_t sequence, std::uint64_t epoch);

  bool has_out() const { return !out_.empty(); }
  std::size_t size() const { return queue_.size() + out_.size(); }
  std::optional<Time> NextLook() const { return queue_.NextLook(); }
  std::optional<Time> FirstDue() const { return queue_.FirstDue(); }

 private:
  enum class Phase { kUnmarked, kMarking, kMarked, kLoaded };
  Noted NoteMark(std::uint64_t sequence);

  const Limits limits_;
  std::uint64_t epoch_ = 0;
  std::size_t unacknowledged_ = 0;
  Phase phase_ = Phase::kUnmarked;
  std::uint64_t beginning_ = 0;
  std::uint64_t mark_ = 0;
  std::uint64_t last_mark_ = 0;  // of any relay
  int marks_failed_ = 0;         // of this beginning
  DueQueue queue_;
  /// By sequence: being published, or published and not yet removed.
  std::map<std::uint64_t, DueQueue::Waiting> out_;
  /// Removed lately: what was read when this became the owner may come once more.
  std::set<std::uint64_t> removed_;
};

}  // namespace penstock::eventbus
