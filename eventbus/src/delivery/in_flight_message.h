// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "message/stored_message.h"

namespace penstock::eventbus {

using TimePoint = std::chrono::steady_clock::time_point;

/// Where a message in flight stands.
enum class MessageState {
  kNew,                 ///< not yet admitted
  kParked,              ///< waits behind an earlier message of its key
  kRefused,             ///< its actor's inbox was full; offered again when there may be room
  kReady,               ///< its turn; others begin before it, by priority
  kPaused,              ///< its turn, but nothing may begin now: the circuit is open, or another process may own it
  kDispatched,          ///< in an inbox or in its handler
  kWaiting,             ///< failed; its back-off runs here, its key waits
  kAwaitingRedelivery,  ///< requested again with a Nak, since its body was evicted; its key waits for it
  kEvicted,             ///< its turn, but its body was evicted; requested again when there is room
  kDeadLettering,       ///< its dead letter is being stored; its key waits
  kRemovingLetter,      ///< redriven and over; the letter it came from is being removed; its key waits
  kLookingUpLetter,     ///< redriven; whether the letter it came from is there is being looked up; its key waits
  kLookingUp,           ///< to run again; whether it is still in its stream is being looked up; its key waits
};
inline constexpr std::size_t kMessageStates = static_cast<std::size_t>(MessageState::kLookingUp) + 1;

/// The result of a message in its handler.
struct HandlerResult {
  enum class Kind {
    kHandled,
    kRetry,
    kThrew,
    kReject,
    kUndecodable,
    kTimedOut,     ///< it came back after its time limit, whatever it returned
    kExpired,      ///< not run: too old, and to be kept as a dead letter
    kDropped,      ///< not run: too old
    kCancelled,    ///< not run, or not to be tried again: somebody asked for that
    kQuarantined,  ///< not run: messages of its key before it are in the dead letters
    kAbandoned,    ///< not run: the pool is being stopped
    kPostponed,    ///< not run: not now
  };
  Kind kind = Kind::kHandled;
  std::string reason{};
  std::chrono::milliseconds delay{-1};         ///< asked for by the handler; negative: the policy's
  std::shared_ptr<const std::string> value{};  ///< of one that is handled; null: none
  bool already_handled = false;  ///< at an earlier attempt, whose result stays; without a value, it is not known

  /// Whether the handler was called, by its own account: a cancelled one may have been.
  bool ran() const {
    return kind != Kind::kExpired && kind != Kind::kDropped && kind != Kind::kCancelled && kind != Kind::kPostponed;
  }
  /// Whether its message is acknowledged.
  bool acknowledges() const { return kind == Kind::kHandled || kind == Kind::kDropped || kind == Kind::kCancelled; }
};

/// One message in hand. Owned by its state machine until an action carries it away.
struct InFlightMessage {
  static constexpr std::size_t kAnyActor = static_cast<std::size_t>(-1);

  std::unique_ptr<StoredMessage> message{};  ///< null while its Nak took it along; a stub while evicted
  std::unique_ptr<StoredMessage> latest{};   ///< stub of a later delivery of it: the one to answer
  std::uint64_t sequence = 0;                ///< of the message, in its stream
  std::uint64_t origin = 0;         ///< its sequence when it first came to the stream: differs once it was redriven
  std::uint64_t letter = 0;         ///< the dead letter that it was redriven from; 0: none
  bool for_other_consumer = false;  ///< redriven for another consumer of the stream
  std::string key_storage{};        ///< holds the key when the message has it nowhere as it stands
  std::string_view key{};           ///< empty: no order asked for; lives in the message or in `key_storage`
  std::uint64_t key_hash = 0;
  std::size_t actor = kAnyActor;  ///< the actor of its key; `kAnyActor` without one
  MessageState state = MessageState::kNew;
  bool stale = false;              ///< of an epoch that is over: its end is not reported to the server
  bool evicted = false;            ///< without its body
  bool probe = false;              ///< begins although there is an outage
  bool stuck = false;              ///< in its handler for too long
  bool paced = false;              ///< waits for its place in the rate, which it has: see `due`
  bool deferred = false;           ///< its handler will tell later; of the worker's thread
  bool has_slot = false;           ///< of `PoolSlots`: it occupies a worker, or an inbox
  bool by_priority = false;        ///< it was given a slot, and is not over
  int priority = 0;                ///< its own; higher first
  int rank = 0;                    ///< while it is ready: the highest priority of its key
  std::uint64_t ready_number = 0;  ///< while it is ready: its place among those
  TimePoint ready_since{};
  std::size_t weight = 0;   ///< bytes of body and headers
  std::size_t charged = 0;  ///< of these, what counts against the budget now
  TimePoint lease_from{};
  TimePoint seen_at{};       ///< when its stream had it, as far as is known
  TimePoint due{};           ///< held, waiting: until when; letters: when to try again, the maximum while it is tried
  TimePoint asked_for_at{};  ///< evicted, requested again before its turn, and not come since; the epoch: it was not
  std::uint64_t deliveries_before = 0;  ///< to processes before this one, or before this subscription
  std::uint64_t failures = 0;           ///< seen here
  std::uint32_t naks_unanswered = 0;    ///< of those sent for a retry from memory, whose redelivery has not come
  std::chrono::system_clock::time_point first_failed_at{};
  std::chrono::system_clock::time_point last_failed_at{};
  HandlerResult result{};  ///< written by whoever ends it
  /// When its handler began, in ticks of the steady clock; 0: it has not. Relaxed: written by the worker, read to see
  /// whether it takes too long.
  std::atomic<TimePoint::rep> started_at{0};
  /// In an inbox or running when another process got the consumer, and not delivered to us again: must not begin.
  /// Relaxed: read by the worker before it begins, by when what was not begun at once had time to be told.
  std::atomic<bool> ownership_lost{false};
  /// The fencing token of its latest delivery; 0: none. Relaxed: a worker that reads an old one is refused by what it
  /// writes to, and tries again.
  std::atomic<std::uint64_t> fence{0};
  /// Its latest delivery, in ticks of the steady clock. Relaxed: read by the worker before it begins, which is after
  /// the delivery that made it do so.
  std::atomic<TimePoint::rep> delivered_at{0};
  /// Many of its key wait for it: its end is not to wait for the consumer. Relaxed: a worker that reads it late is
  /// merely slower.
  std::atomic<bool> urgent{false};
  InFlightMessage* next_of_key = nullptr;
  InFlightMessage* next_completed = nullptr;

  void Delivered(TimePoint now) {
    lease_from = seen_at = now;
    asked_for_at = {};
    delivered_at.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  /// The delivery to answer: the latest one. Not while held.
  const StoredMessage& answerable() const { return latest ? *latest : *message; }
  std::unique_ptr<StoredMessage> TakeAnswerable() { return latest ? std::move(latest) : std::move(message); }
  /// The key goes where its text is: into the message, which stays where it was, or into `key_storage`, which does not.
  void TakeKeyFrom(InFlightMessage& other) {
    const bool stored = other.key.data() == other.key_storage.data();
    key = other.key;
    key_storage = std::move(other.key_storage);
    if (stored) key = key_storage;
  }
  bool asked_for() const { return asked_for_at != TimePoint{}; }
  bool keyed() const { return actor != kAnyActor; }
  /// On its way to or from the dead letters.
  bool at_letter() const {
    return state == MessageState::kDeadLettering || state == MessageState::kRemovingLetter ||
           state == MessageState::kLookingUpLetter;
  }
  /// Another thread will report its end: of its handler, or of the request that looks it or its dead letter up, or
  /// stores or removes that.
  bool under_way() const {
    return state == MessageState::kDispatched || state == MessageState::kLookingUp ||
           (at_letter() && due == TimePoint::max());
  }
  /// Attempts made so far, as far as is known.
  std::uint64_t attempts() const { return deliveries_before + failures; }
};

}  // namespace penstock::eventbus
