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
      agenda_(surroundings.agenda),
      network_(surroundings.network),
      ledger_(surroundings.ledger),
      trace_(surroundings.trace),
      random_(random),
      number_(number),
      flow_(std::make_unique<DeliveryFlow>(scenario_.flow)),
      witness_(scenario_, ledger_, live_bytes_, number),
      pool_(agenda_, scenario_.actors, scenario_.inbox, [this](Item& item, std::size_t actor) { Begin(item, actor); }),
      feed_(scenario_, agenda_, Random(random_.Next()), network_, trace_,
            {.arrived = [this](const auto& messages) { Arrived(messages); },
             .new_epoch = [this] { NewEpoch(); },
             .taken_away = [this] { TakenAway(); },
             .made_again =
                 [this] {
                   flow_->MadeAgain();
                   witness_.TakenAway();
                 }}) {
  trace_.Note("process begins, number", static_cast<std::uint64_t>(number));
  quarantine_known_ = !scenario_.quarantines();
  if (!quarantine_known_) LookUpQuarantine();
  feed_.Synchronise(network_.Delay());
  ScheduleTick();
}

void Process::Later(std::chrono::nanoseconds delay, std::function<void()> what) {
  agenda_.After(delay, [this, what = std::move(what)] {
    if (!gone_) what();
  });
}

template <typename Event>
void Process::Do(Event event) {
  auto actions = std::make_shared<Actions>();
  looked_at_ = 0;
  event(*actions);
  LookAt(*actions);
  witness_.Compare(*flow_, *actions);
  outage_ = flow_->outage();
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
    witness_.Asked(*action, *flow_, agenda_.now());
    // An answer needs no body, and what is on its way out is in hand no more.
    action->message = action->message->Stub();
  }
  for (auto action = first; action != actions.list.end(); ++action) {
    if (action->message) continue;
    witness_.Asked(*action, *flow_, agenda_.now());
    if (action->kind != Action::Kind::kExtend) continue;
    feed_.Settle(action->item->answerable(), Verb::kInProgress);
  }
}

void Process::Execute(Actions& actions) {
  std::vector<Item*> refused;
  for (Action& action : actions.list) {
    switch (action.kind) {
      case Action::Kind::kDispatch:
        if (!pool_.Offer(*action.item)) refused.push_back(action.item);
        break;
      case Action::Kind::kAck:
        feed_.Settle(*action.message, Verb::kAck);
        break;
      case Action::Kind::kNak:
        trace_.Note("nak", action.message->stream_sequence(), "process", static_cast<std::uint64_t>(number_));
        feed_.Settle(*action.message, Verb::kNak);
        break;
      case Action::Kind::kTerm:
        feed_.Settle(*action.message, Verb::kTerm);
        break;
      case Action::Kind::kDeadLetter:
        StoreLetter(*action.item);
        break;
      case Action::Kind::kRemoveLetter:
        RemoveLetter(*action.item);
        break;
      case Action::Kind::kExtend:
      case Action::Kind::kStuck:
        break;
    }
  }
  if (actions.grant > 0) feed_.Grant(actions.grant);
  if (actions.window > 0) feed_.SetWindow(actions.window);
  if (refused.empty()) return;
  Do([&](Actions& more) {
    for (Item* item : refused) {
      if (item->stale) witness_.StaleEnded();
      witness_.NotUnderWay(*item);
      flow_->Refused(*item, agenda_.now(), more);
    }
  });
}

void Process::ScheduleTick() {
  const TimePoint next = std::max(flow_->next_tick(), agenda_.now() + microseconds{50});
  if (next >= next_tick_) return;
  next_tick_ = next;
  Later(next - agenda_.now() + random_.Between(microseconds{0}, milliseconds{2}), [this, next] {
    if (next != next_tick_) return;
    next_tick_ = TimePoint::max();
    if (!quarantine_known_ && random_.PerMille(300)) LookUpQuarantine();
    witness_.Ticked();
    Do([&](Actions& actions) { flow_->Tick(agenda_.now(), actions); });
  });
}

// Arrivals.

void Process::Arrived(const std::vector<ModelMessage::Facts>& messages) {
  Do([&](Actions& actions) {
    for (const auto& facts : messages) {
      trace_.Note("arrived", facts.sequence, "delivery", facts.delivery_count);
      const auto recognised = [&] { return flow_->counters().duplicates + flow_->counters().skipped; };
      const std::uint64_t before = recognised();
      flow_->Arrived(MakeItem(facts), agenda_.now(), actions);
      witness_.Arrived(facts, recognised() == before);
      LookAt(actions);
    }
  });
}

std::unique_ptr<Item> Process::MakeItem(const ModelMessage::Facts& facts) {
  const Record& record = ledger_.record(facts.record);
  const std::uint64_t key = ledger_.event(record).key;
  const std::string name = key == 0 ? std::string() : "key-" + std::to_string(key);
  auto message = std::make_unique<ModelMessage>(facts, name, &live_bytes_);
  auto item = std::make_unique<Item>();
  item->sequence = facts.sequence;
  item->origin = record.origin;
  item->letter = record.letter;
  item->foreign = record.foreign;
  if (key != 0) {
    item->key = message->key();
    if (key % 2 == 0) item->key = item->key_storage = name;
    item->key_hash = ledger_.KeyHash(key);
    item->lane = item->key_hash % pool_.size();
  }
  item->message = std::move(message);
  return item;
}

void Process::NewEpoch() {
  trace_.Note("new epoch");
  flow_->NewEpoch();
  witness_.StreamMadeAgain(*flow_);
}

void Process::TakenAway() {
  trace_.Note("taken away from process", static_cast<std::uint64_t>(number_));
  flow_->TakenAway();
  witness_.TakenAway();
  quarantine_known_ = !scenario_.quarantines();
}

void Process::LookUpQuarantine() {
  if (conditions_.letters_down) return;
  Quarantine letters;
  for (const auto& [sequence, letter] : ledger_.letters()) {
    if (letter.key != 0) letters.Add(ledger_.KeyHash(letter.key), letter.origin);
  }
  flow_->Quarantined(std::move(letters));
  quarantine_known_ = true;
}

// Handlers.

bool Process::MayBegin(const Item& item) const {
  return (!outage_ || item.probe) && quarantine_known_ && !item.taken.load(std::memory_order_relaxed) &&
         feed_.MayHandle();
}

void Process::Begin(Item& item, std::size_t actor) {
  if (gone_) return;
  if (abandoning_ || !MayBegin(item)) {
    item.verdict = {.kind = abandoning_ ? Verdict::Kind::kAbandoned : Verdict::Kind::kPostponed};
    pool_.Free(actor);
    return Finish(item);
  }
  item.begun.store(agenda_.now().time_since_epoch().count(), std::memory_order_relaxed);
  trace_.Note("begins", item.sequence, "key", ledger_.event(ledger_.record(FactsOf(*item.message).record)).key);
  witness_.Begins(item, agenda_.now());
  Verdict verdict = Plan(item);
  const microseconds duration = Duration();
  if (!conditions_.calm && random_.PerMille(scenario_.defer_per_mille)) {
    pool_.Free(actor);
    return Defer(item, duration, std::move(verdict));
  }
  Later(duration, [this, &item, actor, verdict = std::move(verdict)] {
    item.verdict = verdict;
    const bool threw = verdict.kind == Verdict::Kind::kThrew;
    Later(threw ? random_.Between(microseconds{1}, milliseconds{10}) : microseconds{0},
          [this, actor] { pool_.Free(actor); });
    End(item);
  });
}

void Process::Defer(Item& item, microseconds duration, Verdict verdict) {
  const std::uint64_t number = ++last_deferred_;
  deferred_.emplace(number, std::pair{&item, Deferred{number, std::move(verdict)}});
  Later(duration, [this, number] {
    const auto found = deferred_.find(number);
    if (found == deferred_.end()) return;
    Item& ended = *found->second.first;
    ended.verdict = found->second.second.verdict;
    deferred_.erase(found);
    End(ended);
  });
}

void Process::End(Item& item) {
  trace_.Note(item.verdict.kind == Verdict::Kind::kHandled ? "handled" : "failed", item.sequence, "verdict",
              static_cast<std::uint64_t>(item.verdict.kind));
  witness_.Ended(item, agenda_.now());
  if (item.verdict.kind == Verdict::Kind::kHandled && !feed_.MayHandle()) {
    ledger_.AllowAgain(FactsOf(*item.message).record);
  }
  Finish(item);
}

void Process::Finish(Item& item) {
  // What was redriven and is handled has its letter removed first.
  const bool letter_follows =
      item.letter != 0 && item.verdict.kind == Verdict::Kind::kHandled && scenario_.flow.acknowledges;
  if (item.stale && !letter_follows) witness_.StaleEnded();
  Do([&](Actions& actions) {
    witness_.LeavesHandler(item);
    flow_->Finished(item, agenda_.now(), actions);
  });
}

Verdict Process::Plan(const Item& item) {
  const Event& event = ledger_.event(ledger_.record(FactsOf(*item.message).record));
  if (conditions_.calm) return {};
  if (conditions_.handlers_down) return {.kind = Verdict::Kind::kRetry, .reason = "outage"};
  if (event.poison) return Failure(random_.Below(scenario_.fail_per_mille + scenario_.throw_per_mille + 30));
  return Failure(random_.Below(1000));
}

// By chance one of the ways to fail, or none.
Verdict Process::Failure(std::uint64_t chance) {
  if (chance < scenario_.fail_per_mille) {
    const bool asks = random_.PerMille(300);
    return {.kind = Verdict::Kind::kRetry,
            .reason = "failed",
            .delay = milliseconds(asks ? random_.Below(300) : 0) - milliseconds(asks ? 0 : 1)};
  }
  chance -= scenario_.fail_per_mille;
  if (chance < scenario_.throw_per_mille) return {.kind = Verdict::Kind::kThrew, .reason = "threw"};
  chance -= scenario_.throw_per_mille;
  if (chance < scenario_.reject_per_mille) return {.kind = Verdict::Kind::kReject, .reason = "rejected"};
  chance -= scenario_.reject_per_mille;
  if (chance < 30 && scenario_.poison_per_mille > 0)
    return {.kind = Verdict::Kind::kUndecodable, .reason = "undecodable"};
  return {};
}

microseconds Process::Duration() {
  const microseconds usual = random_.Between(scenario_.shortest, scenario_.longest);
  if (conditions_.calm) return std::min<microseconds>(usual, milliseconds{2});
  if (!random_.PerMille(scenario_.slow_per_mille)) return usual;
  return random_.Between(milliseconds{100}, std::min<milliseconds>(3 * scenario_.flow.ack_wait, milliseconds{20'000}));
}

// Dead letters.

void Process::StoreLetter(Item& item) {
  const std::size_t number = FactsOf(*item.message).record;
  trace_.Note("dead letter on its way", item.sequence);
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  const std::uint64_t generation = network_.stream_generation();
  // It is sent already, so that it arrives although its process is gone by then.
  agenda_.After(there, [this, &item, number, back, arrives, confirmed, generation] {
    const bool stored = arrives && !conditions_.letters_down;
    if (stored && generation == network_.stream_generation()) ledger_.StoreLetter(number);
    Later(back, [this, &item, told = stored && confirmed] {
      if (told) witness_.LetterTold(item);
      if (item.stale) witness_.StaleEnded();
      Do([&](Actions& actions) {
        witness_.NotUnderWay(item);
        flow_->DeadLettered(item, told, agenda_.now(), actions);
      });
    });
  });
}

void Process::RemoveLetter(Item& item) {
  const std::uint64_t letter = item.letter;
  const microseconds there = network_.Delay(), back = network_.Delay();
  const bool arrives = conditions_.calm || !random_.PerMille(30);
  const bool confirmed = arrives && (conditions_.calm || !random_.PerMille(30));
  agenda_.After(there, [this, &item, letter, back, arrives, confirmed] {
    const bool removed = arrives && !conditions_.letters_down;
    if (removed && ledger_.letters().erase(letter) > 0) trace_.Note("letter removed", letter);
    Later(back, [this, &item, told = removed && confirmed] {
      if (item.stale && told) witness_.StaleEnded();
      Do([&](Actions& actions) {
        witness_.NotUnderWay(item);
        if (!told) witness_.LetterStays(item);
        flow_->LetterRemoved(item, told, agenda_.now(), actions);
      });
    });
  });
}

// Ends.

void Process::Crash() {
  trace_.Note("process dies, number", static_cast<std::uint64_t>(number_));
  gone_ = true;
  feed_.Stop();
  flow_ = nullptr;
}

void Process::Drain(microseconds deadline, std::function<void()> ended) {
  trace_.Note("process drains, number", static_cast<std::uint64_t>(number_));
  draining_ = true;
  drains_from_ = feed_.flowing() ? agenda_.now() : TimePoint{};
  ended_ = std::move(ended);
  feed_.StopArrivals();
  AwaitQuiet(agenda_.now() + deadline);
}

void Process::AwaitQuiet(TimePoint deadline) {
  const bool quiet = flow_->quiescent() && calls_ == 0;
  if (quiet && abandoning_) return HandBack();
  if (quiet || agenda_.now() >= deadline) {
    Abandon();
    deadline = TimePoint::max();
  }
  Later(milliseconds{1}, [this, deadline] { AwaitQuiet(deadline); });
}

void Process::Abandon() {
  if (std::exchange(abandoning_, true)) return;
  witness_.Closed();
  flow_->Close();
  for (auto& [number, deferred] : std::exchange(deferred_, {})) {
    Item& item = *deferred.first;
    item.verdict = {.kind = Verdict::Kind::kAbandoned};
    witness_.TakenBack(item);
    Finish(item);
  }
}

void Process::HandBack() {
  const std::vector<std::unique_ptr<Item>> items = flow_->HandBack();
  std::uint64_t last = 0;
  for (const auto& item : items) {
    ledger_.Require(item->sequence > last, "drain", "messages are not handed back in their order", item->sequence);
    last = item->sequence;
    if (scenario_.flow.acknowledges) witness_.HandedBack(last);
    if (scenario_.flow.retries_in_place) feed_.Settle(item->answerable(), Verb::kNak);
  }
  ledger_.Require(flow_->in_hand() == flow_->held(), "drain", "messages were not handed back", flow_->in_hand());
  witness_.CompareCounters(*flow_);
  // For the last answers to be sent.
  Later(2 * scenario_.network_longest + milliseconds{1}, [this] {
    const bool undisturbed =
        scenario_.mode == Mode::kExclusive && feed_.undisturbed_since() < drains_from_ - seconds{1};
    for (const std::uint64_t unanswered : network_.LoseAnswers()) {
      ledger_.Require(!undisturbed || !feed_.MayAnswer(unanswered), "drain", "an acknowledgement was not sent",
                      unanswered);
    }
    feed_.Stop();
    gone_ = true;
    flow_ = nullptr;
    ended_();
  });
}

std::string Process::Describe() const {
  if (gone_) return "a process that is gone";
  std::ostringstream text;
  text << "in hand " << flow_->in_hand() << ", active " << flow_->active() << ", parked " << flow_->parked()
       << ", held " << flow_->held() << ", waiting " << flow_->waiting() << ", bytes " << flow_->bytes() << ", window "
       << flow_->window() << (flow_->outage() ? ", outage" : "") << (feed_.flowing() ? "" : ", not flowing")
       << (quarantine_known_ ? "" : ", quarantine not known") << (calls_ > 0 ? ", calls" : "");
  return text.str();
}

void Process::CheckAtRest() const {
  const DeliveryFlow& flow = *flow_;
  ledger_.Require(flow.parked() == 0 && flow.held() == 0 && flow.waiting() == 0, "settles", "parked, held or waiting",
                  flow.parked());
  ledger_.Require(flow.active() == 0 && flow.stuck() == 0, "settles", "active or stuck", flow.active());
  ledger_.Require(flow.bytes() == 0 && live_bytes_ == 0, "bytes", "bytes are left", flow.bytes());
  witness_.CompareCounters(flow);
}

}  // namespace penstock::eventbus::simulation
