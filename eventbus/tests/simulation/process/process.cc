// SPDX-License-Identifier: Apache-2.0
#include "simulation/process/process.h"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

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
  if (surroundings.cancels != nullptr) {
    cancels_ = std::make_unique<ModelCancelWatch>(
        event_queue_, *surroundings.cancels, ledger_,
        ModelCancelWatch::Of{.where = [this](std::size_t event) { return WhereIs(event); },
                             .is_stopped = [this](std::size_t event) { return IsStopped(event); },
                             .stops_requested = [this] { HeedStops(); }});
  }
  if (surroundings.delayed != nullptr) {
    relay_ = std::make_unique<ModelRelay>(scenario_, event_queue_, *surroundings.delayed, *surroundings.delays, ledger_,
                                          number);
  }
  consumer_.Synchronise(network_.Delay());
  ScheduleTick();
}

void Process::Later(std::chrono::nanoseconds delay, std::function<void()> what) {
  event_queue_.After(delay, [this, what = std::move(what)] {
    if (!gone_) what();
  });
}

void Process::Do(absl::FunctionRef<void(Actions&)> event) {
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
      LookAt(more);
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

}  // namespace penstock::eventbus::simulation
