// SPDX-License-Identifier: Apache-2.0
// Handlers of a process of the simulation.
#include <algorithm>
#include <utility>

#include "bus/cancel/other_promises.h"
#include "simulation/process/process.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kLateWatch{2};  // a thread has to wake up
constexpr std::uint64_t kOverrunPerMille = 20;

}  // namespace

bool Process::MayBegin(const InFlightMessage& item) const {
  return (!outage_ || item.probe) && quarantine_known_ && !item.ownership_lost.load(std::memory_order_relaxed) &&
         consumer_.MayHandle();
}

void Process::Begin(InFlightMessage& item, std::size_t actor) {
  if (gone_) return;
  if (abandoning_ || !MayBegin(item)) return Postpone(item, actor);
  item.started_at.store(event_queue_.now().time_since_epoch().count(), std::memory_order_relaxed);
  const bool asks = cancels_ && OthersMayHavePromised(item, consumer_.receives_since());
  const auto look_up = [&] {
    return cancels_->LookUp(EventOf(item), [this, &item, actor] {
      abandoning_ || !MayBegin(item) ? Postpone(item, actor) : BeginUnlessLost(item, actor);
    });
  };
  if (asks && look_up()) return;
  BeginUnlessLost(item, actor);
}

void Process::Postpone(InFlightMessage& item, std::size_t actor) {
  item.result = {.kind = abandoning_ ? HandlerResult::Kind::kAbandoned : HandlerResult::Kind::kPostponed};
  if (!item.stale) invariants_.Postponed(item.sequence);
  pool_.Free(actor);
  Finish(item);
}

// Unless it is cancelled or too old.
void Process::BeginUnlessLost(InFlightMessage& item, std::size_t actor) {
  std::stop_source stop(std::nostopstate);
  if (cancels_ || scenario_.time_limit.count() > 0) stop = std::stop_source();
  if (cancels_ && !cancels_->Begin(item, EventOf(item), stop))
    return NotRun(item, actor, {.kind = HandlerResult::Kind::kCancelled});
  if (auto expired = ResultIfExpired(scenario_.expiry, AgeOf(item), WallTime(event_queue_.now())))
    return NotRun(item, actor, *std::move(expired));
  RunHandler(item, actor, std::move(stop));
}

Age Process::AgeOf(const InFlightMessage& item) const {
  const Record& record = ledger_.record(FactsOf(*item.message).record);
  const TimePoint expires = ledger_.event(record).expires_at;
  return {.stored_at = WallTime(record.stored_at),
          .expires_at = expires == TimePoint::max() ? std::chrono::system_clock::time_point{} : WallTime(expires),
          .redriven = item.letter != 0};
}

void Process::NotRun(InFlightMessage& item, std::size_t actor, HandlerResult result) {
  item.result = std::move(result);
  if (cancels_) cancels_->Ended(item);
  trace_.Note("not run", item.sequence, "result", static_cast<std::uint64_t>(item.result.kind));
  invariants_.DidNotRun(item, event_queue_.now());
  pool_.Free(actor);
  Finish(item);
}

void Process::CheckBegin(const InFlightMessage& item) {
  trace_.Note("begins", item.sequence, "key", ledger_.event(ledger_.record(FactsOf(*item.message).record)).key);
  invariants_.Begins(item, event_queue_.now());
  const bool alone = scenario_.mode != Mode::kExclusive || !network_.AnotherMayHandle(consumer_);
  ledger_.Require(alone, "one owner", "a message began while another process may begin handlers, too", item.sequence);
  if (scenario_.mode == Mode::kExclusive) ledger_.Fenced(item.fence.load(std::memory_order_relaxed), number_);
}

// What goes on after it was deferred has no limit.
void Process::RunHandler(InFlightMessage& item, std::size_t actor, std::stop_source stop) {
  CheckBegin(item);
  const std::uint64_t number = ++last_run_;
  Run& run = runs_[number];
  run = {.item = &item, .actor = actor, .result = Plan(item), .begun = event_queue_.now()};
  run.stop = std::move(stop);
  const microseconds duration = Duration();
  Later(duration, [this, number] { EndRun(number); });
  run.deferred = !conditions_.calm && random_.PerMille(scenario_.defer_per_mille);
  run.heeds = run.stop.stop_possible() && random_.PerMille(500);
  if (run.deferred) return LeaveWorker(item, actor);
  if (scenario_.time_limit.count() == 0) return;
  run.deadline = deadlines_.Add(run.begun + scenario_.time_limit, run.stop);
  ScheduleDeadlines();
}

void Process::ScheduleDeadlines() {
  const TimePoint next = deadlines_.next();
  if (next >= next_deadline_) return;
  next_deadline_ = next;
  Later(next - event_queue_.now() + random_.Between(microseconds{0}, kLateWatch), [this, next] {
    if (next == next_deadline_) PassDeadlines();
  });
}

void Process::PassDeadlines() {
  next_deadline_ = TimePoint::max();
  while (auto late = deadlines_.TakeDue(event_queue_.now())) late->request_stop();
  HeedStops();
  ScheduleDeadlines();
}

void Process::HeedStops() {
  for (auto& [number, run] : runs_) {
    if (!run.stop.stop_requested() || !std::exchange(run.heeds, false)) continue;
    Later(random_.Between(microseconds{1}, milliseconds{2}), [this, ended = number] { EndRun(ended); });
  }
}

void Process::EndRun(std::uint64_t number) {
  const auto found = runs_.find(number);
  if (found == runs_.end()) return;
  const Run run = std::move(found->second);
  runs_.erase(found);
  InFlightMessage& item = *run.item;
  item.result = run.result;
  // One that was asked to stop may throw.
  if (item.result.kind == HandlerResult::Kind::kThrew && cancels_ && cancels_->IsCancelled(item))
    item.result = {.kind = HandlerResult::Kind::kCancelled};
  const bool threw = item.result.kind == HandlerResult::Kind::kThrew;
  if (run.deadline) {
    deadlines_.Remove(*run.deadline);
    if (!threw) item.result = WithinLimit(item.result, run.deadline->first, event_queue_.now(), scenario_.time_limit);
    CheckLimit(run);
  }
  if (cancels_) cancels_->Ended(item);
  if (!run.deferred) {
    Later(threw ? random_.Between(microseconds{1}, milliseconds{10}) : microseconds{0},
          [this, actor = run.actor] { pool_.Free(actor); });
  }
  End(item);
}

void Process::CheckLimit(const Run& run) const {
  const auto took = event_queue_.now() - run.begun;
  const HandlerResult::Kind kind = run.item->result.kind;
  const bool late = took >= scenario_.time_limit;
  const bool cancelled = cancels_ && cancels_->IsCancelled(*run.item);
  const bool failed = kind == HandlerResult::Kind::kTimedOut || kind == HandlerResult::Kind::kThrew ||
                      kind == HandlerResult::Kind::kCancelled;
  ledger_.Require(!late || failed, "time limit", "what took longer than its time limit did not fail",
                  run.item->sequence);
  ledger_.Require(late || kind != HandlerResult::Kind::kTimedOut, "time limit", "what was in time failed for that",
                  run.item->sequence);
  const bool asked = run.stop.stop_requested();
  ledger_.Require(asked || took <= scenario_.time_limit + kLateWatch, "time limit",
                  "what took longer than its time limit was not asked to stop", run.item->sequence);
  ledger_.Require(late || !asked || cancelled, "time limit", "what was in time was asked to stop", run.item->sequence);
}

// Cancellations.

std::size_t Process::EventOf(const InFlightMessage& item) const {
  return ledger_.record(FactsOf(*item.message).record).event;
}

// One whose body was evicted is not known by its ID.
bool Process::IsEvent(const InFlightMessage& item, std::size_t event) const {
  return item.message != nullptr && !item.evicted && EventOf(item) == event;
}

// As `Subscription` tells it.
InHand Process::WhereIs(std::size_t event) const {
  if (!consumer_.MayHandle()) return InHand::kNot;
  InHand where = InHand::kNot;
  flow_->ForEach([&](const InFlightMessage& item) {
    if (where == InHand::kWaits || !IsOurs(item, consumer_.receives_since()) || !IsEvent(item, event)) return;
    const bool over = item.state == MessageState::kDeadLettering || item.state == MessageState::kRemovingLetter;
    where = over ? InHand::kGivenUp : InHand::kWaits;
  });
  return where;
}

bool Process::IsStopped(std::size_t event) const {
  return std::any_of(runs_.begin(), runs_.end(), [&](const auto& each) {
    return EventOf(*each.second.item) == event && each.second.stop.stop_requested();
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

void Process::End(InFlightMessage& item) {
  trace_.Note(item.result.kind == HandlerResult::Kind::kHandled ? "handled" : "failed", item.sequence, "result",
              static_cast<std::uint64_t>(item.result.kind));
  invariants_.Ended(item, event_queue_.now());
  if (item.result.acknowledges() && !consumer_.MayHandle()) ledger_.AllowAgain(FactsOf(*item.message).record);
  Finish(item);
}

void Process::Finish(InFlightMessage& item) {
  // A redriven message that is acknowledged has its letter removed first.
  const bool letter_follows = item.letter != 0 && item.result.acknowledges() && scenario_.flow.acknowledges;
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
  if (scenario_.time_limit.count() > 0 && random_.PerMille(kOverrunPerMille))
    return random_.Between(scenario_.time_limit / 2, 3 * scenario_.time_limit);
  if (!random_.PerMille(scenario_.slow_per_mille)) return usual;
  return random_.Between(milliseconds{100}, std::min<milliseconds>(3 * scenario_.flow.ack_wait, milliseconds{20'000}));
}

}  // namespace penstock::eventbus::simulation
