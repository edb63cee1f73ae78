// SPDX-License-Identifier: Apache-2.0
// Handlers of a process of the simulation.
#include <algorithm>
#include <utility>

#include "simulation/process/process.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

}  // namespace

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

}  // namespace penstock::eventbus::simulation
