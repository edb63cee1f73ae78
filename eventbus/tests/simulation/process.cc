// SPDX-License-Identifier: Apache-2.0
#include "simulation/process.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace

Process::Process(const Surroundings& surroundings, Random random, int number)
    : scenario_(surroundings.scenario),
      conditions_(surroundings.conditions),
      event_queue_(surroundings.event_queue),
      network_(surroundings.network),
      ledger_(surroundings.ledger),
      trace_(surroundings.trace),
      random_(random),
      number_(number),
      slots_(scenario_.workers(), scenario_.actors),
      flow_(std::make_unique<DeliveryStateMachine>(scenario_.flow, scenario_.by_priority() ? &slots_ : nullptr,
                                                   &member_)),
      invariants_(scenario_, ledger_, live_bytes_, number),
      priorities_(scenario_, ledger_),
      pool_(event_queue_, scenario_.actors, scenario_.inbox,
            [this](InFlightMessage& item, std::size_t actor) { Begin(item, actor); }),
      consumer_(scenario_, event_queue_, Random(random_.Next()), network_, ledger_, trace_, number,
                {.on_messages = [this](const auto& messages) { Arrived(messages); },
                 .on_stream_recreated = [this] { StreamRecreated(); },
                 .on_ack_state_recovered = [this](auto first, auto last) { flow_->AckStateRecovered(first, last); },
                 .on_ownership_lost = [this] { OwnershipLost(); },
                 .on_settled_elsewhere = [this](std::uint64_t last) { SettledElsewhere(last); },
                 .on_consumer_recreated =
                     [this] {
                       flow_->ConsumerRecreated();
                       invariants_.OwnershipLost();
                     }}) {
  trace_.Note("process begins, number", static_cast<std::uint64_t>(number));
  quarantine_known_ = !scenario_.quarantines();
  if (!quarantine_known_ && !conditions_.letters_down) {
    flow_->Quarantined(LettersNow());
    quarantine_known_ = true;
  }
  consumer_.Synchronise(network_.Delay());
  ScheduleTick();
}

void Process::Later(std::chrono::nanoseconds delay, std::function<void()> what) {
  event_queue_.After(delay, [this, what = std::move(what)] {
    if (!gone_) what();
  });
}

template <typename Event>
void Process::Do(Event event) {
  auto actions = std::make_shared<Actions>();
  looked_at_ = 0;
  event(*actions);
  LookAt(*actions);
  for (const std::uint64_t sequence : actions->vanished) invariants_.Vanished(sequence);
  for (const std::uint64_t sequence : actions->overdue) LookUpOverdue(sequence);
  invariants_.Compare(*flow_, *actions);
  priorities_.Compare(*flow_);
  outage_ = flow_->circuit_open();
  ScheduleTick();
  if (!random_.PerMille(scenario_.late_per_mille)) return Execute(*actions);
  ++calls_;
  Later(random_.Between(microseconds{1}, milliseconds{5}), [this, actions] {
    --calls_;
    Execute(*actions);
  });
}

// At what was asked for since the last time. What an answer makes room for comes before it in the list: all of them
// are of the same moment.
void Process::LookAt(Actions& actions) {
  const auto first = actions.list.begin() + static_cast<std::ptrdiff_t>(std::exchange(looked_at_, actions.list.size()));
  for (auto action = first; action != actions.list.end(); ++action) {
    if (!action->message) continue;
    invariants_.Asked(*action, *flow_, event_queue_.now());
    // An answer needs no body, and what is on its way out is in hand no more.
    action->message = action->message->Stub();
  }
  for (auto action = first; action != actions.list.end(); ++action) {
    if (action->message) continue;
    invariants_.Asked(*action, *flow_, event_queue_.now());
    priorities_.Asked(*action, *flow_, event_queue_.now());
    if (action->kind != Action::Kind::kExtend) continue;
    consumer_.Acknowledge(action->item->answerable(), AckType::kInProgress);
  }
}

void Process::Execute(Actions& actions) {
  std::vector<InFlightMessage*> refused;
  for (Action& action : actions.list) {
    switch (action.kind) {
      case Action::Kind::kDispatch:
        if (!pool_.Offer(*action.item)) refused.push_back(action.item);
        break;
      case Action::Kind::kAck:
        consumer_.Acknowledge(*action.message, AckType::kAck);
        break;
      case Action::Kind::kNak:
        trace_.Note("nak", action.message->stream_sequence(), "process", static_cast<std::uint64_t>(number_));
        consumer_.Acknowledge(*action.message, AckType::kNak);
        break;
      case Action::Kind::kTerm:
        consumer_.Acknowledge(*action.message, AckType::kTerm);
        break;
      case Action::Kind::kDeadLetter:
        StoreLetter(*action.item);
        break;
      case Action::Kind::kRemoveLetter:
        RemoveLetter(*action.item);
        break;
      case Action::Kind::kLookUpLetter:
        LookUpLetter(*action.item);
        break;
      case Action::Kind::kLookUp:
        LookUp(*action.item);
        break;
      case Action::Kind::kExtend:
      case Action::Kind::kStuck:
        break;
    }
  }
  if (actions.credit > 0) consumer_.AddCredit(actions.credit);
  if (actions.window > 0) consumer_.SetWindow(actions.window);
  if (refused.empty()) return;
  Do([&](Actions& more) {
    for (InFlightMessage* item : refused) {
      if (item->stale) invariants_.StaleEnded();
      invariants_.NotUnderWay(*item);
      priorities_.Left(*item);
      flow_->Refused(*item, event_queue_.now(), more);
    }
  });
}

void Process::ScheduleTick() {
  const TimePoint next = std::max(flow_->next_tick(), event_queue_.now() + microseconds{50});
  if (next >= next_tick_) return;
  next_tick_ = next;
  Later(next - event_queue_.now() + random_.Between(microseconds{0}, milliseconds{2}), [this, next] {
    if (next != next_tick_) return;
    next_tick_ = TimePoint::max();
    if (!quarantine_known_ && random_.PerMille(300)) ReadLetters();
    invariants_.Ticked();
    Do([&](Actions& actions) { flow_->Tick(event_queue_.now(), actions); });
  });
}

// Arrivals.

void Process::Arrived(const std::vector<ModelMessage::Facts>& messages) {
  Do([&](Actions& actions) {
    for (const auto& facts : messages) {
      trace_.Note("arrived", facts.sequence, "delivery", facts.delivery_count);
      const auto recognised = [&] {
        return flow_->counters().duplicates + flow_->nak_redeliveries() + flow_->counters().skipped;
      };
      const std::uint64_t before = recognised();
      flow_->Arrived(MakeItem(facts), event_queue_.now(), actions);
      invariants_.Arrived(facts, recognised() == before);
      LookAt(actions);
    }
  });
}

std::unique_ptr<InFlightMessage> Process::MakeItem(const ModelMessage::Facts& facts) {
  const Record& record = ledger_.record(facts.record);
  const std::uint64_t key = ledger_.event(record).key;
  const std::string name = key == 0 ? std::string() : "key-" + std::to_string(key);
  ModelMessage::Facts delivered = facts;
  delivered.fence = consumer_.fence();
  auto message = std::make_unique<ModelMessage>(delivered, name, &live_bytes_);
  auto item = std::make_unique<InFlightMessage>();
  item->sequence = facts.sequence;
  item->origin = record.origin;
  item->letter = record.letter;
  item->for_other_consumer = record.for_other_consumer;
  if (key != 0) {
    item->key = message->key();
    if (key % 2 == 0) item->key = item->key_storage = name;
    item->key_hash = ledger_.KeyHash(key);
    item->actor = item->key_hash % pool_.size();
  }
  item->priority = ledger_.PriorityOf(record);
  item->message = std::move(message);
  return item;
}

void Process::StreamRecreated() {
  trace_.Note("new epoch");
  flow_->StreamRecreated();
  invariants_.StreamMadeAgain(*flow_);
}

void Process::OwnershipLost() {
  trace_.Note("ownership lost by process", static_cast<std::uint64_t>(number_));
  flow_->OwnershipLost();
  invariants_.OwnershipLost();
  ++ownership_losses_;
  quarantine_known_ = !scenario_.quarantines();
}

void Process::SettledElsewhere(std::uint64_t last) {
  trace_.Note("settled elsewhere up to", last);
  invariants_.SettledElsewhere(last);
  flow_->SettledElsewhere(last, event_queue_.now());
}

// Handlers.

bool Process::MayBegin(const InFlightMessage& item) const {
  return (!outage_ || item.probe) && quarantine_known_ && !item.ownership_lost.load(std::memory_order_relaxed) &&
         consumer_.MayHandle();
}

void Process::Begin(InFlightMessage& item, std::size_t actor) {
  if (gone_) return;
  if (abandoning_ || !MayBegin(item)) {
    item.result = {.kind = abandoning_ ? HandlerResult::Kind::kAbandoned : HandlerResult::Kind::kPostponed};
    pool_.Free(actor);
    return Finish(item);
  }
  item.started_at.store(event_queue_.now().time_since_epoch().count(), std::memory_order_relaxed);
  trace_.Note("begins", item.sequence, "key", ledger_.event(ledger_.record(FactsOf(*item.message).record)).key);
  invariants_.Begins(item, event_queue_.now());
  const bool alone = scenario_.mode != Mode::kExclusive || !network_.AnotherMayHandle(consumer_);
  ledger_.Require(alone, "one owner", "a message began while another process may begin handlers, too", item.sequence);
  if (scenario_.mode == Mode::kExclusive) ledger_.Fenced(item.fence.load(std::memory_order_relaxed), number_);
  HandlerResult result = Plan(item);
  const microseconds duration = Duration();
  if (!conditions_.calm && random_.PerMille(scenario_.defer_per_mille)) {
    LeaveWorker(item, actor);
    return Defer(item, duration, std::move(result));
  }
  Later(duration, [this, &item, actor, result = std::move(result)] {
    item.result = result;
    const bool threw = result.kind == HandlerResult::Kind::kThrew;
    Later(threw ? random_.Between(microseconds{1}, milliseconds{10}) : microseconds{0},
          [this, actor] { pool_.Free(actor); });
    End(item);
  });
}

void Process::LeaveWorker(InFlightMessage& item, std::size_t actor) {
  pool_.Free(actor);
  if (!scenario_.by_priority()) return;
  Do([&](Actions& actions) {
    priorities_.Left(item);
    flow_->LeftWorker(item, event_queue_.now(), actions);
  });
}

void Process::Defer(InFlightMessage& item, microseconds duration, HandlerResult result) {
  const std::uint64_t number = ++last_deferred_;
  deferred_.emplace(number, std::pair{&item, Deferred{number, std::move(result)}});
  Later(duration, [this, number] {
    const auto found = deferred_.find(number);
    if (found == deferred_.end()) return;
    InFlightMessage& ended = *found->second.first;
    ended.result = found->second.second.result;
    deferred_.erase(found);
    End(ended);
  });
}

void Process::End(InFlightMessage& item) {
  trace_.Note(item.result.kind == HandlerResult::Kind::kHandled ? "handled" : "failed", item.sequence, "result",
              static_cast<std::uint64_t>(item.result.kind));
  invariants_.Ended(item, event_queue_.now());
  if (item.result.kind == HandlerResult::Kind::kHandled && !consumer_.MayHandle()) {
    ledger_.AllowAgain(FactsOf(*item.message).record);
  }
  Finish(item);
}

void Process::Finish(InFlightMessage& item) {
  // A redriven message that is handled has its letter removed first.
  const bool letter_follows =
      item.letter != 0 && item.result.kind == HandlerResult::Kind::kHandled && scenario_.flow.acknowledges;
  if (item.stale && !letter_follows) invariants_.StaleEnded();
  Do([&](Actions& actions) {
    invariants_.LeavesHandler(item);
    priorities_.Left(item);
    flow_->Finished(item, event_queue_.now(), actions);
  });
}

HandlerResult Process::Plan(const InFlightMessage& item) {
  const Event& event = ledger_.event(ledger_.record(FactsOf(*item.message).record));
  if (conditions_.calm) return {};
  if (conditions_.handlers_down) return {.kind = HandlerResult::Kind::kRetry, .reason = "outage"};
  if (event.poison) return Failure(random_.Below(scenario_.fail_per_mille + scenario_.throw_per_mille + 30));
  return Failure(random_.Below(1000));
}

// By chance one of the ways to fail, or none.
HandlerResult Process::Failure(std::uint64_t chance) {
  if (chance < scenario_.fail_per_mille) {
    const bool asks = random_.PerMille(300);
    return {.kind = HandlerResult::Kind::kRetry,
            .reason = "failed",
            .delay = milliseconds(asks ? random_.Below(300) : 0) - milliseconds(asks ? 0 : 1)};
  }
  chance -= scenario_.fail_per_mille;
  if (chance < scenario_.throw_per_mille) return {.kind = HandlerResult::Kind::kThrew, .reason = "threw"};
  chance -= scenario_.throw_per_mille;
  if (chance < scenario_.reject_per_mille) return {.kind = HandlerResult::Kind::kReject, .reason = "rejected"};
  chance -= scenario_.reject_per_mille;
  if (chance < 30 && scenario_.poison_per_mille > 0)
    return {.kind = HandlerResult::Kind::kUndecodable, .reason = "undecodable"};
  return {};
}

microseconds Process::Duration() {
  const microseconds usual = random_.Between(scenario_.shortest, scenario_.longest);
  if (conditions_.calm) return std::min<microseconds>(usual, milliseconds{2});
  if (!random_.PerMille(scenario_.slow_per_mille)) return usual;
  return random_.Between(milliseconds{100}, std::min<milliseconds>(3 * scenario_.flow.ack_wait, milliseconds{20'000}));
}

// Dead letters.

void Process::StoreLetter(InFlightMessage& item) {
  const std::size_t number = FactsOf(*item.message).record;
  trace_.Note("dead letter on its way", item.sequence);
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  const std::uint64_t generation = network_.stream_generation();
  // It is sent already, so that it arrives although its process is gone by then.
  event_queue_.After(there, [this, &item, number, back, arrives, confirmed, generation] {
    const bool stored = arrives && !conditions_.letters_down;
    if (stored && generation == network_.stream_generation()) ledger_.StoreLetter(number);
    Later(back, [this, &item, told = stored && confirmed] {
      if (told) invariants_.LetterTold(item);
      if (item.stale) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.NotUnderWay(item);
        flow_->DeadLettered(item, told, event_queue_.now(), actions);
      });
    });
  });
}

Quarantine Process::LettersNow() const {
  Quarantine letters;
  for (const auto& [sequence, letter] : ledger_.letters()) {
    if (letter.key != 0) letters.Add(ledger_.KeyHash(letter.key), letter.origin);
  }
  return letters;
}

void Process::ReadLetters() {
  if (conditions_.letters_down || reads_letters_) return;
  reads_letters_ = true;
  flow_->ReadsLetters();
  Later(network_.Delay(), [this, losses = ownership_losses_] {
    Later(network_.Delay(), [this, losses, letters = LettersNow()] {
      reads_letters_ = false;
      if (losses != ownership_losses_) return;
      flow_->Quarantined(letters);
      quarantine_known_ = true;
    });
  });
}

void Process::LookUpLetter(InFlightMessage& item) {
  const bool answered = conditions_.calm || !random_.PerMille(100);
  Later(network_.Delay(), [this, &item, letter = item.letter, answered] {
    LetterPresence presence = LetterPresence::kUnknown;
    if (answered && !conditions_.letters_down)
      presence = ledger_.letters().contains(letter) ? LetterPresence::kThere : LetterPresence::kGone;
    Later(network_.Delay(), [this, &item, presence] {
      if (item.stale) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.LookedUp(item);
        flow_->LetterLookedUp(item, presence, event_queue_.now(), actions);
      });
    });
  });
}

// Nothing is deleted from the stream here.
void Process::LookUp(InFlightMessage& item) {
  Later(network_.Delay() + network_.Delay(), [this, &item] {
    if (item.stale) invariants_.StaleEnded();
    Do([&](Actions& actions) {
      invariants_.LookedUp(item);
      flow_->LookedUp(item, /*gone=*/false, event_queue_.now(), actions);
    });
  });
}

void Process::LookUpOverdue(std::uint64_t sequence) {
  Later(network_.Delay() + network_.Delay(), [this, sequence] {
    Do([&](Actions& actions) { flow_->OverdueLookedUp(sequence, /*gone=*/false, event_queue_.now(), actions); });
  });
}

void Process::RemoveLetter(InFlightMessage& item) {
  const std::uint64_t letter = item.letter;
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  event_queue_.After(there, [this, &item, letter, back, arrives, confirmed] {
    const bool removed = arrives && !conditions_.letters_down;
    if (removed && ledger_.letters().erase(letter) > 0) trace_.Note("letter removed", letter);
    Later(back, [this, &item, told = removed && confirmed] {
      if (item.stale && told) invariants_.StaleEnded();
      Do([&](Actions& actions) {
        invariants_.NotUnderWay(item);
        if (!told) invariants_.LetterStays(item);
        flow_->LetterRemoved(item, told ? LetterRemoval::kRemoved : LetterRemoval::kFailed, event_queue_.now(),
                             actions);
      });
    });
  });
}

}  // namespace penstock::eventbus::simulation
