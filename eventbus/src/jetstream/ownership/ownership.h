// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "jetstream/ownership/ownership_times.h"

namespace penstock::eventbus::jetstream {

/// Decides who owns an exclusive consumer: from what the server says of it, whether this process may make it or bind
/// it, and until when it may begin handlers. docs/delivery.md shows the table of states.
///
/// The server refuses the consumer to anyone else while somebody listens on its inbox. An owner proves that it still
/// does by pings, each good for `ownership_time::kLease` from the time it was sent. A standby waits for longer than
/// that after it first saw the consumer without a listener, unless its owner released it. So nobody begins to handle
/// while another may, whatever stopped a process or its connection, and without any clock being compared.
///
/// Pure: no thread, no clock, no I/O. Thread-compatible.
class Ownership {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  enum class State {
    kUnknown,    ///< nothing was seen yet
    kStandBy,    ///< another process owns the consumer
    kVacant,     ///< nobody listens on the inbox of another, who may not know it yet
    kMissing,    ///< the consumer that another owned is gone
    kWithdrawn,  ///< it was ours last, or is ours to take, and we do not listen
    kOwner       ///< it is ours
  };

  /// The consumer as a look at the server shows it; nothing of it when it is not there.
  struct Sight {
    bool ours = false;      ///< its inbox is one of this process
    bool bound = false;     ///< somebody listens on its inbox
    bool released = false;  ///< its last owner gave it up in order
    std::string inbox{};
  };
  enum class Step {
    kStandBy,  ///< look again after `Pause`
    kMake,     ///< make it: it is not there
    kBind,     ///< bind it to a new inbox
  };

  /// Returns what may be done after a look at `now`.
  Step Saw(const std::optional<Sight>& sight, Time now);
  /// The server refused our inbox, since somebody listens on another. True when that can only be a connection of ours
  /// that is gone: then the consumer may be deleted and created again.
  bool Refused(Time now);
  /// A look after binding found the inbox of another process, which was faster.
  void Lost(Time now);
  /// A look after binding found the consumer bound to our inbox. `fence` is the fencing token of this ownership, 0 if
  /// it has none: one that differs from the last one tells that another process may have had the consumer.
  void Taken(Time now, std::uint64_t fence = 0);
  /// The inbox is closed, or about to be; the last proof that it was ours was sent at `proven`.
  void Withdrawn(Time proven);

  /// Whether another process has the consumer, or had it in the meantime, so that what is in hand may have been settled
  /// by it: true once when that is seen, and once more when the consumer is ours again.
  bool TakeNews() { return std::exchange(news_, false); }

  State state() const { return state_; }
  /// Whether another process has, or had, the consumer since `Taken`.
  bool lost() const { return lost_; }
  /// How long a process with so many consumers waits between two looks at each, at least and at most: so that it asks
  /// for some 300 a second, whatever their number up to 30.
  struct Interval {
    std::chrono::milliseconds least{};
    std::chrono::milliseconds most{};
  };
  static Interval LookEvery(std::size_t consumers);
  /// How long a standby waits until its next look, at most `usual`.
  Duration Pause(Time now, Duration usual) const;

  /// Whether an owner that sent its last proof at `proven` and heard the server last at `heard` may begin a handler.
  static bool MayBegin(Time now, Time proven, Time heard) {
    return now < proven + ownership_time::kLease && now - heard <= ownership_time::kSilence;
  }

 private:
  Step SawNone(Time now);
  bool MayHaveMissedAnOwner(Time now) const;
  Step SawAnothers(const Sight& sight, Time now);
  Step AfterPatience(Time now) const;
  void Enter(State state, Time now);

  State state_ = State::kUnknown;
  Time since_{};           // of `state_`; kWithdrawn: that it was ours was proven last
  Time looked_{};          // at the consumer, last
  std::string vacant_{};   // the inbox that nobody listens on
  bool was_ours_ = false;  // at some time
  bool lost_ = false;      // to another, since it was ours last
  bool news_ = false;
  std::uint64_t fence_ = 0;  // when it was ours last
  std::optional<Time> refused_since_{};
};

}  // namespace penstock::eventbus::jetstream
