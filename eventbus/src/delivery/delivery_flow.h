// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "delivery/actions.h"
#include "delivery/credit_window.h"
#include "delivery/item.h"
#include "delivery/key_lines.h"
#include "delivery/outage_watch.h"
#include "delivery/processed_set.h"
#include "delivery/quarantine.h"
#include "delivery/retry_schedule.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

struct FlowOptions {
  bool acknowledges = true;  ///< false: at-most-once; nothing is settled, a failed message is gone
  /// False: a retry is asked for by a Nak. True: it happens here, and the server hears of it only when we die. For
  /// consumers with several owners, where a Nak would give the message to another.
  bool retries_in_place = false;
  RetryPolicy retry{};
  AfterDeadLetter after_dead_letter = AfterDeadLetter::kContinue;
  std::size_t outage_after = 0;
  std::chrono::milliseconds ack_wait{30'000};
  std::chrono::milliseconds stuck_after{0};
  std::size_t max_in_flight = 4096;
  std::size_t max_bytes = static_cast<std::size_t>(-1);
  std::size_t largest_message = 0;  ///< bytes that one can have at most; 0: of no account
  std::uint64_t seed = 1;
};

struct FlowCounters {
  std::uint64_t received = 0, redelivered = 0, duplicates = 0, handled = 0, failed = 0, acked = 0, naked = 0,
                terminated = 0, dead_lettered = 0, undecodable = 0, refused = 0, vanished = 0, skipped = 0,
                put_down = 0, outages = 0, stuck = 0;
  std::uint64_t last_pending = 0;
};

/// The delivery logic of one subscription: events in, actions out. It keeps the order of each key, holds a key whose
/// message failed until that is settled, recognises what it has in hand or has finished, keeps leases, and keeps what
/// is in hand within its credit.
///
/// No threads, no clock, no I/O: the caller passes the time, serialises the calls and carries out the actions in order.
/// **Thread safety:** thread-compatible. **Ownership:** owns every item in hand.
/// **Ordering:** of one key, at most one item is past `kParked` at a time; the next, by stream sequence, follows when
/// it is settled.
class DeliveryFlow {
 public:
  explicit DeliveryFlow(const FlowOptions& options);

  /// A message came. `item` has its message, sequence, origin, letter, key, hash and lane set.
  void Arrived(std::unique_ptr<Item> item, TimePoint now, Actions& out);
  /// A dispatch found the inbox full.
  void Refused(Item& item, TimePoint now, Actions& out);
  /// A dispatched item left its handler, or will not enter it; `item.verdict` says how.
  void Finished(Item& item, TimePoint now, Actions& out);
  /// A dead letter was stored, or not.
  void DeadLettered(Item& item, bool stored, TimePoint now, Actions& out);
  /// The letter of a redriven message was removed, or not.
  void LetterRemoved(Item& item, bool removed, TimePoint now, Actions& out);
  /// Time passed. Call at `next_tick()`.
  void Tick(TimePoint now, Actions& out);
  /// Which messages are in the dead letters already. Before anything arrives, and after `TakenAway`; only with
  /// `kQuarantine`.
  void Quarantined(Quarantine letters) {
    quarantine_ = std::move(letters);
    letters_known_ = true;
  }
  /// The stream was made anew and its sequences begin again: what is not running is forgotten, what is running will not
  /// be settled. (A consumer made anew on the same stream is no new epoch: copies of what is in hand are recognised.)
  void NewEpoch();
  /// What comes of these sequences, and is not in hand, was settled before: it is acknowledged, not run.
  void SettledBefore(std::uint64_t first, std::uint64_t last) { processed_.Add(first, last); }
  /// Another process has, or had, the consumer: what is not running is forgotten, since that process may have settled
  /// it; what is not settled comes again. What runs may finish.
  void TakenAway();
  /// The consumer was made again, to begin with the first message that is not settled: what is not running is
  /// forgotten, since it comes again, in stream order. (A message that was asked for could not come otherwise: the one
  /// asked is gone.) What runs may finish.
  void MadeAgain() { KeepRunningOnly(/*stale=*/false); }
  /// From now on nothing is dispatched any more; what runs may finish.
  void Close();
  /// Takes away everything that has not begun, ascending by sequence. Only after `Close`, when nothing arrives any
  /// more.
  std::vector<std::unique_ptr<Item>> HandBack();

  /// Exchanges what is left of `spares` for the memory of items that are over since: to be made anew, those that were
  /// over last before others, since they are still in the caches, and given to `Arrived`.
  void ExchangeSpares(std::vector<std::unique_ptr<Item>>& spares) {
    if (!spares_.empty()) spares.swap(spares_);
  }

  /// Nothing is running, queued or on its way to or from the dead letters; what is left can only be handed back.
  bool quiescent() const { return active() == 0; }
  /// Nothing but the probe is to begin.
  bool outage() const { return outage_.on(); }
  TimePoint next_tick() const;

  std::size_t in_hand() const { return items_.size(); }
  /// Dispatched, refused, or busy with a letter.
  std::size_t active() const {
    return count(Stage::kDispatched) + count(Stage::kRefused) + count(Stage::kDeadLettering) +
           count(Stage::kRemovingLetter);
  }
  std::size_t parked() const { return count(Stage::kParked); }
  std::size_t held() const { return count(Stage::kHeld); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t stuck() const { return stuck_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t window() const { return window_.size(); }
  std::size_t quarantined_keys() const { return quarantine_.keys(); }
  const FlowCounters& counters() const { return counters_; }

 private:
  using BySequence = std::map<std::uint64_t, Item*>;

  // Arrivals.
  bool Recognise(std::unique_ptr<Item>& item, Actions& out);
  bool IsOver(const Item& item) const;
  bool IsObsolete(const Item& item) const;
  void Again(Item& known, std::unique_ptr<Item> copy, Actions& out);
  void TakeOver(Item& held, std::unique_ptr<Item> redelivered, Actions& out);
  void Weigh(Item& item);

  // Turns.
  void Turn(Item* item, Actions& out);
  void Start(Item& item, Actions& out);
  bool Follows(Item& item, Actions& out);
  void Dispatch(Item& item, Actions& out);
  void ResumePaused(Actions& out);
  void OfferRefused(std::size_t lane, Actions& out);

  // Ends.
  void Succeeded(Item& item, Actions& out);
  void Failed(Item& item, Actions& out);
  void NoteFailure(Item& item);
  bool GivesUp(const Item& item) const;
  void Wait(Item& item, std::chrono::milliseconds delay, Actions& out);
  void RetryNow(Item& item, Actions& out);
  void SendNak(Item& item, Actions& out);
  void BeginLetter(Item& item, Stage stage, Actions& out);
  void Conclude(Item& item, Actions& out);
  void Forget(Item& item, Actions& out);
  void Spare(std::unique_ptr<Item> over);
  void ReleaseKey(Item& item, Actions& out);
  std::unique_ptr<Item> Remove(Item& item);

  // Bytes.
  void PutDown(Item& item);
  void PutDownParked(std::size_t until);
  void GiveUpRoomForWhatComesLater(const Item& item);
  void AskForPutDown(Actions& out);
  void Charge(Item& item, std::size_t bytes);

  // Upkeep.
  void KeepRunningOnly(bool stale);
  void WakeWaiting(Actions& out);
  void Probe(Actions& out);
  void LookAtAll(Actions& out);
  void LookAt(Item& item, Actions& out);
  void LookAtRunning(Item& item, Actions& out);
  /// What is parked may soon fill the window, which then stops the keys that do not wait.
  bool crowded() const {
    return options_.acknowledges && !closed_ && !window_.widest() && parked() > window_.size() / 2;
  }
  bool HoldsUp(const Item& item) const;
  std::size_t HeldUp() const;
  void Resize(Actions& out);
  void Grant(Actions& out);
  void SetStage(Item& item, Stage stage);
  void List(Item& item);
  void Unlist(const Item& item);
  std::size_t count(Stage stage) const { return in_stage_[static_cast<std::size_t>(stage)]; }
  std::chrono::milliseconds LookInterval() const;

  const FlowOptions options_;
  RetrySchedule retry_;
  ProcessedSet processed_;
  ProcessedSet removed_letters_;
  Quarantine quarantine_;
  OutageWatch outage_;
  CreditWindow window_;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Item>> items_;  // by stream sequence
  std::vector<std::unique_ptr<Item>> stale_;                         // running, of epochs that are over
  std::vector<std::unique_ptr<Item>> spares_;                        // over
  KeyLines lines_;
  absl::flat_hash_map<std::size_t, std::deque<Item*>> refused_;  // by lane
  std::size_t refused_count_ = 0;
  BySequence paused_;
  BySequence put_down_;
  std::set<std::pair<TimePoint, std::uint64_t>> waiting_;  // by due time
  std::uint64_t last_probed_ = 0;
  bool letters_known_ = true;  // false: after `TakenAway`, while others may have stored or removed some
  bool closed_ = false;
  std::size_t forgotten_ = 0;                    // since the last tick: to be granted again
  std::size_t owed_ = 0;                         // grants to keep back, since the window was narrowed
  std::array<std::size_t, kStages> in_stage_{};  // that of `kNew` is not kept
  std::size_t stuck_ = 0;
  std::size_t bytes_ = 0;
  TimePoint now_{};
  TimePoint next_look_{};
  TimePoint next_widening_{};
  FlowCounters counters_;
};

}  // namespace penstock::eventbus
