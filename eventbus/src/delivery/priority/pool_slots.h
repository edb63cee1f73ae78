// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "delivery/in_flight_message.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// How many messages the pool has at once of all subscriptions of a bus whose messages begin by priority. What the pool
/// has cannot be overtaken any more, so it is given no more than keeps its workers busy, and the rest waits in
/// `ReadyQueue`s. A slot is given to the highest rank of all members, and every `kOldestEvery`th to the message that
/// has been ready longest, so that no message waits for ever: one that n others were ready before begins within
/// `kOldestEvery` x (n + 1) turns, not counting those while its actor has no room.
///
/// No clock and no I/O. **Thread safety:** thread-safe; the locks of members are taken before its own.
class PoolSlots {
 public:
  static constexpr std::uint64_t kOldestEvery = 8;
  /// Slots for each worker: one runs, one waits in an inbox meanwhile.
  static constexpr std::size_t kPerWorker = 2;
  /// Of one actor. With no more than `kPerWorker`, full slots occupy as many actors as there are workers.
  static constexpr std::uint32_t kMostOfActor = kPerWorker;

  /// Which of a member's messages has the turn.
  enum class Turn { kHighest, kOldest };

  /// The claim of a member: of its ready messages, those whose actors have room.
  struct Bid {
    int rank = 0;        ///< the highest
    TimePoint since{};   ///< when the first of that rank became ready
    TimePoint oldest{};  ///< when the first of all became ready
  };

  /// Members that together run no more messages at once than `most`, deferred ones included.
  class Group {
   public:
    explicit Group(std::size_t most) : most_(most) {}

   private:
    friend class PoolSlots;
    bool full() const { return at_once_ >= most_; }

    const std::size_t most_;
    std::size_t at_once_ = 0;  // guarded by the lock of the slots
  };

  /// One subscription.
  class Member {
   public:
    virtual ~Member() = default;
    /// Called with the lock held, before `TakeTurn`: it must live until that has returned.
    virtual void Reserve() = 0;
    /// It is to call `Take` with what it has ready, or `Withdraw`.
    virtual void TakeTurn() = 0;

   protected:
    /// Null: of no group.
    explicit Member(std::shared_ptr<Group> group = nullptr) : group_(std::move(group)) {}
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    friend class PoolSlots;
    const std::shared_ptr<Group> group_;
  };

  PoolSlots(std::size_t workers, std::size_t actors)
      : free_(kPerWorker * workers), lent_(actors), of_actor_(actors), paused_until_(actors) {}

  /// Takes a slot, if one is free and no other member has a better claim to it. Else the bid stands until the member
  /// takes a slot or withdraws it.
  std::optional<Turn> Take(Member& member, const Bid& bid);
  void Withdraw(const Member& member);

  /// Whether the actor (any, for `InFlightMessage::kAnyActor`) may be given one more.
  bool HasRoom(std::size_t actor, TimePoint now) const {
    if (actor >= of_actor_.size()) return true;
    return of_actor_[actor].load(std::memory_order_relaxed) < kMostOfActor &&
           paused_until_[actor].load(std::memory_order_relaxed) <= now.time_since_epoch().count();
  }
  /// A slot that was taken is used by a message for that actor.
  void Use(std::size_t actor) {
    if (actor < of_actor_.size()) of_actor_[actor].fetch_add(1, std::memory_order_relaxed);
  }
  void Release(std::size_t actor);
  /// The actor begins nothing until then: what it has occupies no worker, and its slots are for others.
  void Pause(std::size_t actor, TimePoint until);
  /// A message of the member that had a slot runs no more.
  void Ended(const Member& member);

  /// Lets members take free slots that they have bid for. No lock of a member may be held. To be called when slots were
  /// released or bids made.
  void GiveTurns();

 private:
  struct Bidder {
    Member* member = nullptr;
    Bid bid{};
  };

  /// Null: nobody may take a slot.
  const Bidder* Best() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Record(Member& member, const Bid& bid) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Forget(const Member& member) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Turn next_turn() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return (given_ + 1) % kOldestEvery == 0 ? Turn::kOldest : Turn::kHighest;
  }

  mutable Mutex mutex_;
  std::size_t free_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t given_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Bidder> bidders_ ABSL_GUARDED_BY(mutex_);
  // By actor: its messages whose slots were given to others.
  std::vector<std::uint32_t> lent_ ABSL_GUARDED_BY(mutex_);
  // Relaxed: who reads an old value gives an actor one message more, or waits for the next event.
  std::vector<std::atomic<std::uint32_t>> of_actor_;
  std::vector<std::atomic<TimePoint::rep>> paused_until_;
};

}  // namespace penstock::eventbus
