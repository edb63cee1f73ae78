// SPDX-License-Identifier: Apache-2.0
// What a subscription does about events that are cancelled.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "bus/cancel/other_promises.h"
#include "bus/dead_letters/letter_headers.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

// The ID is that with which the event was published first, as its header has it.
bool HasId(const StoredMessage& message, std::string_view event_id, std::string_view encoded) {
  if (const auto kept = message.Header(header::kOriginalMessageId)) return *kept == encoded;
  return message.Header(header::kMessageId) == event_id;
}

}  // namespace

// Looking up takes as long as a proof of ownership lasts, so that another process may be handling the event by then.
EventGate::Verdict Subscription::AskToBegin(InFlightMessage& item, std::string_view event_id,
                                            const std::stop_source& stop) {
  const TimePoint since = consumer_->receives_since();
  if (OthersMayHavePromised(item, since) && spec_.cancels->LookUp(event_id, since)) {
    const bool abandoned = abandoning_.load(std::memory_order_relaxed);
    if (abandoned || !MayBegin(item, std::chrono::steady_clock::now())) return EventGate::Verdict::kPostponed;
  }
  const bool begins = spec_.cancels->events().Begin(&item, event_id, stop, std::chrono::system_clock::now());
  return begins ? EventGate::Verdict::kBegin : EventGate::Verdict::kCancelled;
}

// An acknowledgement by the handler counts: what it did is done. Here, under the lock, so that what `WhereIs` said to
// wait cannot become a dead letter any more.
void Subscription::NoteEnd(InFlightMessage& item) {
  using Kind = HandlerResult::Kind;
  const Kind kind = item.result.kind;
  const auto end = spec_.cancels->events().Ended(&item, kind == Kind::kHandled || kind == Kind::kDropped);
  if (!end || !end->cancelled || kind == Kind::kHandled || kind == Kind::kAbandoned) return;
  item.result = {.kind = Kind::kCancelled};
  TellCancelled(end->event_id, item.attempts());
}

// On the thread of the letters, since it blocks.
void Subscription::TellCancelled(std::string event_id, std::uint64_t attempts) {
  Result result{.error_class = std::string(error_class::kCancelled),
                .error = "it was cancelled",
                .attempts = attempts,
                .finished_at = std::chrono::system_clock::now()};
  const auto call = std::make_shared<Call>(*this);
  context_.dead_letters.Later([this, call, id = std::move(event_id), result = std::move(result)] {
    Log(LogLevel::kInfo, "event " + Quoted(id) + " is cancelled and acknowledged");
    spec_.cancels->Answer(id);
    if (spec_.given_up) KeepResult(id, result);
  });
}

// Nothing is promised of an event that another process may have by now.
InHand Subscription::WhereIs(std::string_view event_id) const {
  const std::string encoded = PercentEncode(event_id);
  MutexLock lock(mutex_);
  if (!open_ || !consumer_->MayHandle(std::chrono::steady_clock::now())) return InHand::kNot;
  InHand where = InHand::kNot;
  const TimePoint since = consumer_->receives_since();
  flow_.ForEach([&](const InFlightMessage& item) {
    if (item.message == nullptr || !IsOurs(item, since)) return;
    if (where == InHand::kWaits || !HasId(*item.message, event_id, encoded)) return;
    const bool over = item.state == MessageState::kDeadLettering || item.state == MessageState::kRemovingLetter;
    where = over ? InHand::kGivenUp : InHand::kWaits;
  });
  return where;
}

}  // namespace penstock::eventbus
