// SPDX-License-Identifier: Apache-2.0
#include "simulation/invariant_checker.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

bool CountsAsAttempt(HandlerResult::Kind kind) {
  using Kind = HandlerResult::Kind;
  return kind == Kind::kRetry || kind == Kind::kThrew || kind == Kind::kTimedOut;
}

}  // namespace

void InvariantChecker::Arrived(const ModelMessage::Facts& facts, bool admitted) {
  ++arrivals_;
  biggest_ = std::max(biggest_, facts.bytes);
  const Record& record = ledger_.record(facts.record);
  if (auto known = hand_.find(facts.sequence); known != hand_.end()) {
    if (known->second.asked_again) --asked_again_;
    known->second.asked_again = known->second.asked_early = known->second.ownership_lost = false;
    known->second.given_up = known->second.stuck && scenario_.flow.retries_in_place;
    return;
  }
  if (!admitted) return;
  hand_[facts.sequence] = {.record = facts.record, .arrival = arrivals_, .deliveries_before = facts.delivery_count - 1};
  of_key_[ledger_.event(record).key].insert(facts.sequence);
}

void InvariantChecker::Begins(const InFlightMessage& item, TimePoint now) {
  const std::size_t number = NumberOf(item);
  const Record& record = ledger_.record(number);
  const std::uint64_t key = ledger_.event(record).key;
  ledger_.Require(!closed_, "drain", "a message began after the end", item.sequence);
  const std::size_t most_at_once = scenario_.flow.max_concurrent;
  ++in_handlers_;
  ledger_.Require(most_at_once == 0 || in_handlers_ <= most_at_once, "at once", "more handlers run than may",
                  in_handlers_);
  ledger_.Require(key == 0 || running_.insert(key).second, "one handler per key", "two messages of a key run",
                  item.sequence);
  ledger_.Begins(number, process_);
  if (item.stale) return;
  const auto held = hand_.find(item.sequence);
  ledger_.Require(held != hand_.end() && !held->second.asked_again, "counts", "a message began that is not in hand",
                  item.sequence);
  ledger_.Require(now >= held->second.not_before, "back-off", "a message began before the time it asked for",
                  item.sequence);
  const std::uint64_t most = std::max<std::uint64_t>(scenario_.flow.retry.max_attempts, 2);
  const bool given_up = scenario_.keeps_letters() && scenario_.flow.retry.max_attempts != 0 && !outage_ever_ &&
                        held->second.failures >= most;
  const Event& event = ledger_.event(record);
  // Members that share a durable know nothing of each other's copies.
  const bool of_another = scenario_.mode == Mode::kShared && event.copies.size() > 1;
  ledger_.Require(!event.cancelled || event.cancel_lost || of_another, "cancelled",
                  "a message began although somebody was told that it does not", item.sequence);
  ledger_.Require(!event.called_off, "cancelled", "a message began that was called off", item.sequence);
  ledger_.Require(now >= event.due, "delay", "a message began before it was due", item.sequence);
  ledger_.Require(!ledger_.HasExpired(record, now), "expiry", "a message began that was too old", item.sequence);
  ledger_.Require(!given_up, "attempts", "a message began although its attempts were used up", item.sequence);
}

void InvariantChecker::DidNotRun(const InFlightMessage& item, TimePoint now) {
  const std::size_t number = NumberOf(item);
  const HandlerResult::Kind kind = item.result.kind;
  const bool expired = kind == HandlerResult::Kind::kExpired || kind == HandlerResult::Kind::kDropped;
  if (expired) {
    ++expired_;
    ledger_.Require(ledger_.HasExpired(ledger_.record(number), now), "expiry", "a message was too old that was not",
                    item.sequence);
    const bool dropped = kind == HandlerResult::Kind::kDropped;
    ledger_.Require(dropped == (scenario_.expiry.fate == WhenExpired::kDrop), "expiry",
                    "a message that was too old had the other fate", item.sequence);
  }
  if (kind == HandlerResult::Kind::kCancelled) ++cancelled_;
  if (item.result.acknowledges()) ledger_.Dropped(number, process_);
  if (item.stale) return;
  Held& held = hand_.at(item.sequence);
  held.last = kind;
  held.letter_tried = false;
}

void InvariantChecker::Ended(const InFlightMessage& item, TimePoint now) {
  --in_handlers_;
  const std::size_t number = NumberOf(item);
  running_.erase(ledger_.event(ledger_.record(number)).key);
  const HandlerResult& result = item.result;
  const bool handled = result.kind == HandlerResult::Kind::kHandled;
  if (handled) {
    ledger_.Completed(number, process_);
    ++handled_;
    failed_.clear();
    outage_ = false;
  }
  if (result.kind == HandlerResult::Kind::kTimedOut) ++timed_out_;
  if (result.kind == HandlerResult::Kind::kCancelled) {
    ++cancelled_;
    ledger_.Dropped(number, process_);
  }
  if (item.stale) return;
  Held& held = hand_.at(item.sequence);
  held.last = result.kind;
  held.letter_tried = false;
  held.stuck = false;
  if (result.acknowledges()) return;
  ++held.failures;
  if (result.delay.count() > 0) held.not_before = now + result.delay;
  if (!CountsAsAttempt(result.kind) || scenario_.flow.outage_after == 0 || !scenario_.flow.acknowledges) return;
  if (!outage_) failed_.insert(item.sequence);
  if (failed_.size() >= scenario_.flow.outage_after) outage_ = outage_ever_ = true;
  if (outage_) failed_.clear();
}

void InvariantChecker::Postponed(std::uint64_t sequence) {
  if (const auto held = hand_.find(sequence); held != hand_.end()) held->second.stuck = false;
}

void InvariantChecker::TakenBack(const InFlightMessage& item) {
  --in_handlers_;
  running_.erase(ledger_.event(RecordOf(item)).key);
}

void InvariantChecker::LetterTold(const InFlightMessage& item) { ledger_.LetterTold(NumberOf(item)); }

void InvariantChecker::StreamMadeAgain(const DeliveryStateMachine& flow) {
  hand_.clear();
  of_key_.clear();
  asked_again_ = 0;
  settled_elsewhere_ = 0;
  stale_ = flow.active();
  credit_due_ = true;
}

void InvariantChecker::OwnershipLost() {
  credit_due_ = true;
  asked_again_ = 0;
  settled_elsewhere_ = 0;
  for (auto held = hand_.begin(); held != hand_.end();) {
    held->second.ownership_lost = true;
    if (held->second.under_way || (held->second.letter_stays && !closed_)) {
      ++held;
      continue;
    }
    of_key_[ledger_.event(ledger_.record(held->second.record)).key].erase(held->first);
    hand_.erase(held++);
  }
}

void InvariantChecker::NotUnderWay(const InFlightMessage& item) {
  if (!item.stale) hand_.at(item.sequence).under_way = false;
}

void InvariantChecker::LookedUp(const InFlightMessage& item) {
  if (item.stale) return;
  NotUnderWay(item);
  if (hand_.at(item.sequence).ownership_lost) Release(item.sequence);
}

void InvariantChecker::LetterStays(const InFlightMessage& item) {
  if (!item.stale) hand_.at(item.sequence).letter_stays = true;
}

// A message that another process may have settled is forgotten unless it was handled.
void InvariantChecker::LeavesHandler(const InFlightMessage& item) {
  if (item.stale) return;
  NotUnderWay(item);
  const HandlerResult::Kind kind = item.result.kind;
  const bool ran = kind != HandlerResult::Kind::kPostponed && kind != HandlerResult::Kind::kAbandoned;
  const bool taken = hand_.at(item.sequence).ownership_lost && !item.result.acknowledges();
  if (taken || (ran && !scenario_.flow.acknowledges)) Release(item.sequence);
}

void InvariantChecker::Release(std::uint64_t sequence) {
  const auto held = hand_.find(sequence);
  ledger_.Require(held != hand_.end(), "counts", "a message was settled that is not in hand", sequence);
  if (held->second.asked_again) --asked_again_;
  of_key_[ledger_.event(ledger_.record(held->second.record)).key].erase(sequence);
  hand_.erase(held);
}

void InvariantChecker::Vanished(std::uint64_t sequence) {
  const auto held = hand_.find(sequence);
  const bool asked_again = held != hand_.end() && (held->second.asked_again || held->second.asked_early);
  ledger_.Require(asked_again && sequence <= settled_elsewhere_, "counts", "a message was given up that may come",
                  sequence);
  Release(sequence);
}

void InvariantChecker::Asked(const Action& action, const DeliveryStateMachine& flow, TimePoint now) {
  using Kind = Action::Kind;
  const std::uint64_t sequence = action.item != nullptr ? action.item->sequence : action.message->stream_sequence();
  ledger_.Require(scenario_.flow.acknowledges || action.kind == Kind::kDispatch, "acknowledged when handled",
                  "at most once, and something was settled", sequence);
  const bool begins = action.kind == Kind::kDispatch || action.kind == Kind::kDeadLetter ||
                      action.kind == Kind::kRemoveLetter || action.kind == Kind::kLookUpLetter ||
                      action.kind == Kind::kLookUp;
  if (begins && !action.item->stale) hand_.at(sequence).under_way = true;
  switch (action.kind) {
    case Kind::kAck:
      return AskedAck(*action.message);
    case Kind::kTerm:
      return AskedTerm(*action.message);
    case Kind::kNak:
      return AskedNak(*action.message, flow);
    case Kind::kDeadLetter:
      return AskedLetter(*action.item);
    case Kind::kRemoveLetter: {
      const Record& record = RecordOf(*action.item);
      const bool over = record.letter_stored || record.completed || ledger_.event(record).handled ||
                        !ledger_.letters().contains(record.letter);
      return ledger_.Require(record.letter != 0 && over, "letter kept",
                             "a letter goes before what it stands for is over", sequence);
    }
    case Kind::kLookUpLetter:
      return ledger_.Require(RecordOf(*action.item).letter != 0 && scenario_.quarantines(), "look up",
                             "a letter was looked up of what has none", sequence);
    case Kind::kExtend:
      return ledger_.Require(Holds(sequence) && !hand_.at(sequence).asked_early, "lease",
                             "a lease was extended of what is not in hand", sequence);
    case Kind::kStuck: {
      Held& held = hand_.at(sequence);
      const TimePoint begun{TimePoint::duration(action.item->started_at.load(std::memory_order_relaxed))};
      ledger_.Require(!held.stuck && now - begun >= scenario_.flow.stuck_after, "stuck",
                      "a handler was told to be stuck twice, or too early", sequence);
      held.stuck = true;
      held.given_up = scenario_.flow.retries_in_place;
      return;
    }
    case Kind::kLookUp:
      return ledger_.Require(!closed_ && scenario_.flow.look_up_after.count() > 0, "look up",
                             "a message was looked up for nothing", sequence);
    case Kind::kDispatch:
      ledger_.Require(!closed_, "drain", "a message was dispatched after the end", sequence);
      return CheckTurn(*action.item, flow);
  }
}

// It may keep the turn that it had when an earlier one came later: a redelivery, where several share the consumer. And
// messages that were over before this process began may come again at any time.
void InvariantChecker::CheckTurn(const InFlightMessage& item, const DeliveryStateMachine& flow) {
  const std::uint64_t key = ledger_.event(RecordOf(item)).key;
  if (key == 0 || std::exchange(hand_.at(item.sequence).had_turn, true)) return;
  // One may have had its turn without being dispatched.
  const bool paced = scenario_.flow.rate.per_second > 0 || scenario_.flow.key_rate.per_second > 0 ||
                     scenario_.flow.max_concurrent > 0 || scenario_.by_priority();
  const bool turns_hidden = flow.counters().evicted > 0 || outage_ever_ || scenario_.quarantines() || paced;
  for (const std::uint64_t sequence : of_key_[key]) {
    if (sequence == item.sequence) return;
    const Held& other = hand_.at(sequence);
    const Record& earlier = ledger_.record(other.record);
    const bool late = turns_hidden && other.arrival > hand_.at(item.sequence).arrival;
    ledger_.Require(late || earlier.completed || earlier.letter_stored, "key order",
                    "a message was dispatched while an earlier one of its key is in hand, namely", sequence);
  }
}

void InvariantChecker::AskedAck(const StoredMessage& message) {
  const ModelMessage::Facts& facts = FactsOf(message);
  const Record& record = ledger_.record(facts.record);
  ++acked_;
  const bool letter_gone = record.letter != 0 && !ledger_.letters().contains(record.letter);
  const bool copy = !record.completed && ledger_.HasCopyThatIsOver(facts.record);
  if (auto held = hand_.find(facts.sequence); held != hand_.end()) {
    ledger_.Require(record.completed || letter_gone || copy, "acknowledged when handled",
                    "a message was acknowledged unhandled", facts.sequence);
    Release(facts.sequence);
    if (!record.completed) copy ? ledger_.RecognisedAsCopy(facts.record) : ledger_.Obsolete(facts.record);
  } else {
    --acked_;
    const bool over = record.completed || record.for_other_consumer || record.letter_stored || letter_gone || copy;
    ledger_.Require(over, "acknowledged when handled", "a message was acknowledged unseen", facts.sequence);
  }
  ledger_.Require(record.letter == 0 || record.for_other_consumer || letter_gone, "letter removed",
                  "a redriven message was acknowledged with its letter still there", facts.sequence);
}

void InvariantChecker::AskedTerm(const StoredMessage& message) {
  const ModelMessage::Facts& facts = FactsOf(message);
  const Record& record = ledger_.record(facts.record);
  ++terminated_;
  ledger_.Require(record.letter_stored, "letter before term", "a message was terminated without its dead letter",
                  facts.sequence);
  ledger_.Require(record.letter == 0 || !ledger_.letters().contains(record.letter), "letter removed",
                  "a redriven message was terminated with its old letter still there", facts.sequence);
  Release(facts.sequence);
}

bool InvariantChecker::IsParked(const DeliveryStateMachine& flow, std::uint64_t sequence) {
  bool parked = false;
  flow.ForEachInHand([&](const InFlightMessage& item) {
    if (item.sequence == sequence) parked = item.state == MessageState::kParked;
  });
  return parked;
}

void InvariantChecker::AskedNak(const StoredMessage& message, const DeliveryStateMachine& flow) {
  const std::uint64_t sequence = message.stream_sequence();
  ++naked_;
  ledger_.Require(Holds(sequence), "counts", "a Nak went out for what is not in hand", sequence);
  if (scenario_.flow.retries_in_place) {
    ledger_.Require(naked_ <= flow.counters().evicted, "counts", "a shared message was given away", sequence);
    return Release(sequence);
  }
  Held& held = hand_.at(sequence);
  if (held.failures > 0) return;  // it runs again from memory
  held.asked_early = sequence <= settled_elsewhere_ && IsParked(flow, sequence);
  if (held.asked_early) return;
  held.asked_again = true;
  ++asked_again_;
}

void InvariantChecker::AskedLetter(const InFlightMessage& item) {
  Held& held = hand_.at(item.sequence);
  ledger_.Require(scenario_.keeps_letters(), "letter before term", "a key that blocks gave up a message",
                  item.sequence);
  if (std::exchange(held.letter_tried, true)) return;
  if (item.result.kind != HandlerResult::Kind::kQuarantined) return CheckGivenUp(held, item);
  held.letter_tried = false;  // it never ran: nothing would tell the next time from this one
  ledger_.Require(scenario_.quarantines(), "quarantine order", "a key was quarantined", item.sequence);
}

void InvariantChecker::CheckGivenUp(const Held& held, const InFlightMessage& item) const {
  const HandlerResult::Kind kind = item.result.kind;
  if (!CountsAsAttempt(kind)) return;
  ledger_.Require(!outage_, "outage", "a message was dead-lettered during an outage", item.sequence);
  const std::uint64_t most = scenario_.flow.retry.max_attempts;
  const bool used_up =
      most != 0 && held.deliveries_before + held.failures >= most && held.failures >= std::min<std::uint64_t>(most, 2);
  ledger_.Require(used_up, "attempts", "a message was given up with attempts left", item.sequence);
}

void InvariantChecker::Compare(const DeliveryStateMachine& flow, const Actions& actions) {
  if (scenario_.flow.acknowledges) {
    ledger_.Require(flow.in_hand() == hand_.size(), "counts",
                    "in hand there are not as many as came and are not settled", flow.in_hand());
    ledger_.Require(flow.held() == asked_again_, "counts", "held are not as many as were asked for again", flow.held());
    const std::size_t most = scenario_.flow.max_bytes;
    ledger_.Require(live_bytes_ <= most || live_bytes_ - most <= biggest_, "bytes", "too many bytes in memory",
                    live_bytes_);
    ledger_.Require(live_bytes_ <= flow.bytes(), "bytes", "bytes in memory that are not accounted for", live_bytes_);
    ledger_.Require(outage_ == flow.circuit_open(), "outage", "an outage was not noticed, or did not end",
                    flow.circuit_open());
  }
  ledger_.Require(flow.parked() + flow.held() <= flow.in_hand(), "counts", "more are parked than in hand",
                  flow.parked());
  CompareCredit(flow, actions);
}

// Messages that the server may still send and messages that it sent and that are not settled are together never fewer
// than the window, so that delivery goes on, and never more, but for those that were out when the window was narrowed.
void InvariantChecker::CompareCredit(const DeliveryStateMachine& flow, const Actions& actions) {
  granted_ += actions.credit;
  widest_ = std::max(widest_, flow.window());
  ledger_.Require(flow.window() >= 1 && flow.window() <= scenario_.flow.max_in_flight * FlowControlWindow::kWidest,
                  "credit", "the window is out of its range", flow.window());
  if (closed_) return;
  if (credit_due_) allowed_before_ = std::max(allowed_before_, flow.window());
  const std::size_t allowed =
      static_cast<std::size_t>(scenario_.first_window() + granted_ - arrivals_) + flow.in_hand() + stale_ - flow.held();
  if (credit_due_) return;
  ledger_.Require(allowed >= flow.window(), "credit", "credit got lost", allowed);
  ledger_.Require(allowed <= std::max(flow.window(), allowed_before_), "credit",
                  "more was granted than there is room for", allowed);
  allowed_before_ = allowed;
}

void InvariantChecker::CompareCounters(const DeliveryStateMachine& flow) const {
  const SubscriptionStats& counters = flow.counters();
  ledger_.Require(counters.received == arrivals_, "counts", "received", counters.received);
  ledger_.Require(counters.handled == handled_, "counts", "handled", counters.handled);
  ledger_.Require(counters.acked == acked_, "counts", "acknowledged", counters.acked);
  ledger_.Require(counters.naks == naked_, "counts", "asked for again", counters.naks);
  ledger_.Require(counters.expired == expired_, "counts", "expired", counters.expired);
  ledger_.Require(counters.cancelled == cancelled_, "counts", "cancelled", counters.cancelled);
  ledger_.Require(counters.timed_out == timed_out_, "counts", "timed out", counters.timed_out);
  ledger_.Require(counters.terminated == terminated_, "counts", "terminated", counters.terminated);
}

}  // namespace penstock::eventbus::simulation
