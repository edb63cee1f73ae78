// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>

#include "delivery/delivery_state_machine.h"
#include "simulation/ledger.h"
#include "simulation/model_message.h"

namespace penstock::eventbus::simulation {

/// Watches one delivery flow, from its process' beginning to its end: keeps its own account of what is in hand, and
/// compares.
///
/// Thread-compatible.
class InvariantChecker {
 public:
  InvariantChecker(const Scenario& scenario, Ledger& ledger, const std::size_t& live_bytes, int process)
      : scenario_(scenario),
        ledger_(ledger),
        live_bytes_(live_bytes),
        process_(process),
        widest_(scenario.first_window()) {}

  void Arrived(const ModelMessage::Facts& facts, bool admitted);
  void Begins(const InFlightMessage& item, TimePoint now);
  void Ended(const InFlightMessage& item, TimePoint now);
  /// Its handler was not called: it had expired, or was cancelled.
  void DidNotRun(const InFlightMessage& item, TimePoint now);
  /// Its handler's end does not count: the message is taken back.
  void TakenBack(const InFlightMessage& item);
  /// It goes back without an attempt; its next call may be stuck as well.
  void Postponed(std::uint64_t sequence);
  void LetterTold(const InFlightMessage& item);
  /// It is neither in an inbox nor in a handler nor on its way to or from the dead letters any more.
  void NotUnderWay(const InFlightMessage& item);
  /// The same, of one whose turn in its actor is over; that it was forgotten is the flow's to tell.
  void LeavesHandler(const InFlightMessage& item);
  /// It was looked up and is there; that it was forgotten is the flow's to tell.
  void LookedUp(const InFlightMessage& item);
  /// Its letter could not be removed, which is to be tried again.
  void LetterStays(const InFlightMessage& item);
  void StreamMadeAgain(const DeliveryStateMachine& flow);
  void OwnershipLost();
  /// The server has said that messages up to here are settled.
  void SettledElsewhere(std::uint64_t last) { settled_elsewhere_ = last; }
  /// A message that was asked for again did not come, and is given up.
  void Vanished(std::uint64_t sequence);
  void Ticked() { credit_due_ = false; }
  void StaleEnded() { --stale_; }
  void HandedBack(std::uint64_t sequence) { Release(sequence); }
  void Closed() { closed_ = true; }

  /// An action of the state machine; `now` is its time.
  void Asked(const Action& action, const DeliveryStateMachine& flow, TimePoint now);
  /// After every event.
  void Compare(const DeliveryStateMachine& flow, const Actions& actions);
  /// After a drain, or when all is over.
  void CompareCounters(const DeliveryStateMachine& flow) const;

  /// Whether the message is in hand and answered by nothing yet.
  bool Holds(std::uint64_t sequence) const {
    const auto held = hand_.find(sequence);
    return held != hand_.end() && !held->second.asked_again;
  }
  bool HasGivenUp(std::uint64_t sequence) const { return hand_.at(sequence).given_up; }
  /// Messages that were handled here and not acknowledged.
  std::size_t widest() const { return widest_; }

 private:
  struct Held {
    std::size_t record = 0;
    std::uint64_t arrival = 0;  // its number
    std::uint64_t deliveries_before = 0;
    std::uint64_t failures = 0;
    bool asked_again = false;  // by a Nak
    bool asked_early = false;  // likewise, before its turn, since it seems to be settled
    bool stuck = false;
    bool given_up = false;  // its lease, until it is delivered again
    bool letter_tried = false;
    bool under_way = false;
    bool letter_stays = false;
    bool had_turn = false;
    bool ownership_lost = false;  // by another process, and not come again
    TimePoint not_before{};
    HandlerResult::Kind last = HandlerResult::Kind::kPostponed;
  };

  void CheckTurn(const InFlightMessage& item, const DeliveryStateMachine& flow);
  void AskedAck(const StoredMessage& message);
  void AskedTerm(const StoredMessage& message);
  static bool IsParked(const DeliveryStateMachine& flow, std::uint64_t sequence);
  void AskedNak(const StoredMessage& message, const DeliveryStateMachine& flow);
  void AskedLetter(const InFlightMessage& item);
  void CheckGivenUp(const Held& held, const InFlightMessage& item) const;
  void Release(std::uint64_t sequence);
  void CompareCredit(const DeliveryStateMachine& flow, const Actions& actions);
  const Record& RecordOf(const InFlightMessage& item) const { return ledger_.record(NumberOf(item)); }
  static std::size_t NumberOf(const InFlightMessage& item) { return FactsOf(*item.message).record; }

  const Scenario& scenario_;
  Ledger& ledger_;
  const std::size_t& live_bytes_;
  const int process_;
  std::map<std::uint64_t, Held> hand_{};                       // by sequence
  std::map<std::uint64_t, std::set<std::uint64_t>> of_key_{};  // sequences in hand
  std::set<std::uint64_t> running_{};                          // keys
  std::set<std::uint64_t> failed_{};                           // since the last success
  std::size_t asked_again_ = 0;
  std::uint64_t settled_elsewhere_ = 0;
  std::size_t stale_ = 0;
  std::size_t widest_;
  std::size_t biggest_ = 0;
  std::size_t allowed_before_ = 0;
  std::uint64_t arrivals_ = 0, granted_ = 0;
  std::uint64_t handled_ = 0, acked_ = 0, naked_ = 0, terminated_ = 0, expired_ = 0, timed_out_ = 0, cancelled_ = 0;
  bool credit_due_ = false;  // of what was forgotten, at the next tick
  bool closed_ = false;
  bool outage_ = false;
  bool outage_ever_ = false;
  std::size_t in_handlers_ = 0;
};

}  // namespace penstock::eventbus::simulation
