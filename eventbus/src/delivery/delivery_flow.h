// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "delivery/processed_set.h"
#include "delivery/retry_schedule.h"
#include "penstock/eventbus/message.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

using TimePoint = std::chrono::steady_clock::time_point;

/// Where a message in hand stands.
enum class Stage {
  kNew,            ///< not yet admitted
  kParked,         ///< waits behind an earlier message of its key
  kRefused,        ///< its actor's inbox was full; offered again when there may be room
  kDispatched,     ///< in an inbox or in its handler
  kHeld,           ///< answered with a Nak; its key waits for the redelivery
  kDeadLettering,  ///< on its way to the dead letters; its key waits
};

/// What became of a message in its handler.
struct Verdict {
  enum class Kind { kHandled, kRetry, kReject, kUndecodable, kAbandoned };
  Kind kind = Kind::kHandled;
  std::string reason{};
  std::chrono::milliseconds delay{-1};  ///< asked for by the handler; negative: the policy's
};

/// One message in hand. Owned by its flow until an action carries it away.
struct Item {
  static constexpr std::size_t kAnyLane = static_cast<std::size_t>(-1);

  std::unique_ptr<StoredMessage> message{};  ///< gone while held: its Nak carried it away
  std::unique_ptr<StoredMessage> latest{};   ///< the latest copy, when it came again meanwhile: the one to answer
  std::uint64_t sequence = 0;                ///< of the message, in its stream
  std::string key_storage{};                 ///< holds the key when the message has it nowhere as it stands
  std::string_view key{};                    ///< empty: no order asked for; lives in the message or in `key_storage`
  std::uint64_t key_hash = 0;
  std::size_t lane = kAnyLane;  ///< the actor of its key; `kAnyLane` without one
  Stage stage = Stage::kNew;
  bool stale = false;  ///< of an epoch that is over: its end is not reported to the server
  TimePoint lease_from{};
  TimePoint due{};    ///< held: when to stop waiting; dead-lettering: when to try again, the maximum while it is tried
  Verdict verdict{};  ///< written by the worker that runs it
  Item* next_of_key = nullptr;

  bool keyed() const { return lane != kAnyLane; }
};

struct Action {
  enum class Kind {
    kDispatch,    ///< hand `item` to its actor; `Refused` when the inbox is full
    kAck,         ///< `message` is over
    kNak,         ///< ask for `message` again after `delay`
    kTerm,        ///< `message` is over, its dead letter stored
    kExtend,      ///< `item`'s lease; before any other event, since that may end the item
    kDeadLetter,  ///< store `item`, then `DeadLettered`
  };
  Kind kind = Kind::kDispatch;
  Item* item = nullptr;
  std::unique_ptr<StoredMessage> message{};
  std::chrono::milliseconds delay{0};
};

/// What an event leads to, in order.
struct Actions {
  absl::InlinedVector<Action, 4> list{};
  std::size_t grant = 0;  ///< messages the server may send in addition
};

struct FlowOptions {
  bool acknowledges = true;  ///< false: at-most-once; nothing is settled, a failed message is gone
  RetryPolicy retry{};
  std::chrono::milliseconds ack_wait{30'000};
  std::uint64_t seed = 1;
};

struct FlowCounters {
  std::uint64_t received = 0, redelivered = 0, duplicates = 0, handled = 0, failed = 0, acked = 0, naked = 0,
                terminated = 0, dead_lettered = 0, undecodable = 0, refused = 0, vanished = 0;
  std::uint64_t last_pending = 0;
};

/// The delivery logic of one subscription: events in, actions out. It keeps the order of each key, holds a key whose
/// message failed until the redelivery is settled, recognises what it has in hand or has finished, and keeps leases.
///
/// No threads, no clock, no I/O: the caller passes the time, serialises the calls and carries out the actions in order.
/// **Thread safety:** thread-compatible. **Ownership:** owns every item in hand.
/// **Ordering:** of one key, at most one item is dispatched, held or dead-lettering at a time; the next, by stream
/// sequence, follows when it is settled.
class DeliveryFlow {
 public:
  explicit DeliveryFlow(const FlowOptions& options);

  /// A message came. `item` has its message, sequence, key, hash and lane set.
  void Arrived(std::unique_ptr<Item> item, TimePoint now, Actions& out);
  /// A dispatch found the inbox full.
  void Refused(Item& item);
  /// A dispatched item left its handler (or was abandoned); `item.verdict` says how.
  void Finished(Item& item, TimePoint now, Actions& out);
  /// A dead letter was stored, or not.
  void DeadLettered(Item& item, bool stored, TimePoint now, Actions& out);
  /// Time passed. Call at least every `TickInterval`, and every few milliseconds while `has_refused()`.
  void Tick(TimePoint now, Actions& out);
  /// The stream was made anew and its sequences begin again: what is not running is forgotten, what is running will not
  /// be settled. (A consumer made anew on the same stream is no new epoch: copies of what is in hand are recognised.)
  void NewEpoch();
  /// From now on nothing is dispatched any more; what runs may finish.
  void Close();
  /// Takes away everything that has not begun, ascending by sequence. Only after `Close`, when nothing arrives any
  /// more.
  std::vector<std::unique_ptr<Item>> HandBack();

  /// Nothing is running, queued or on its way to the dead letters; what is left can only be handed back.
  bool quiescent() const { return active_ == 0; }
  bool has_refused() const { return refused_count_ > 0; }
  std::size_t in_hand() const { return items_.size(); }
  std::size_t parked() const { return parked_; }
  std::size_t held() const { return held_; }
  const FlowCounters& counters() const { return counters_; }
  std::chrono::milliseconds TickInterval() const;

 private:
  struct KeyLine {
    Item* head = nullptr;  // the one that may be dispatched, held or dead-lettering
    Item* parked_first = nullptr;
    Item* parked_last = nullptr;
  };

  bool Recognise(std::unique_ptr<Item>& item, Actions& out);
  void Admit(Item& item, Actions& out);
  void TakeOver(std::unique_ptr<Item>& held, std::unique_ptr<Item> redelivered, Actions& out);
  void Park(KeyLine& line, Item& item);
  void Dispatch(Item& item, Actions& out);
  void Retry(Item& item, TimePoint now, Actions& out);
  void BeginDeadLetter(Item& item, Actions& out);
  void Conclude(Item& item, Action::Kind kind, Actions& out);
  void ReleaseKey(Item& item, Actions& out);
  void OfferRefused(std::size_t lane, Actions& out);
  void LookAt(Item& item, TimePoint now, Actions& out);
  std::unique_ptr<Item> Remove(Item& item);
  static std::unique_ptr<StoredMessage> TakeAnswerable(Item& item);
  void SetStage(Item& item, Stage stage);

  const FlowOptions options_;
  RetrySchedule retry_;
  ProcessedSet processed_;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Item>> items_;  // by stream sequence
  std::vector<std::unique_ptr<Item>> stale_;                         // running, of epochs that are over
  absl::flat_hash_map<std::uint64_t, KeyLine> keys_;                 // by key hash: equal hashes merely share a line
  absl::flat_hash_map<std::size_t, std::deque<Item*>> refused_;      // by lane
  std::size_t refused_count_ = 0;
  bool closed_ = false;
  std::size_t active_ = 0;  // dispatched, refused or dead-lettering
  std::size_t parked_ = 0;
  std::size_t held_ = 0;
  TimePoint next_look_{};
  FlowCounters counters_;
};

}  // namespace penstock::eventbus
