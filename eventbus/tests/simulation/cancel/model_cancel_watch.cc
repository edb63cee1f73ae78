// SPDX-License-Identifier: Apache-2.0
#include "simulation/cancel/model_cancel_watch.h"

#include <memory>
#include <utility>

#include "simulation/model_message.h"

namespace penstock::eventbus::simulation {
namespace {

constexpr std::chrono::milliseconds kLookUpTimeout{500};
constexpr std::chrono::hours kTimeToLive{24};

}  // namespace

ModelCancelWatch::ModelCancelWatch(EventQueue& event_queue, CancelBucket& bucket, Ledger& ledger, Of of)
    : event_queue_(event_queue), bucket_(bucket), ledger_(ledger), of_(std::move(of)) {
  bucket_.Join(*this);
}

void ModelCancelWatch::Stop() {
  stopped_ = true;
  bucket_.Leave(*this);
}

void ModelCancelWatch::OnEntry(std::size_t event, const CancelRequest& told) {
  if (stopped_) return;
  const std::string id = std::to_string(event);
  const auto now = WallTime(event_queue_.now());
  const CancelJudge::Request request{
      .revision = told.revision, .expires_at = now + kTimeToLive, .answered = told.state != CancelState::kRequested};
  if (judge_.Take(id, told.state, request, now)) {
    const auto answer = judge_.Judge(
        id, request, [&] { return of_.where(event); }, [] { return false; }, now);
    if (answer) Check(event, *answer);
    if (answer) bucket_.Answer(event, *answer, told.revision);
  }
  of_.stops_requested();
}

void ModelCancelWatch::Check(std::size_t event, CancelState answer) const {
  const InHand where = of_.where(event);
  if (answer == CancelState::kRunning) {
    ledger_.Require(of_.is_stopped(event), "answer to a cancellation",
                    "what was told to run does not, or was not asked to stop", event);
  } else if (answer == CancelState::kFinished) {
    ledger_.Require(where == InHand::kGivenUp || ledger_.IsOver(event), "answer to a cancellation",
                    "what was told to be finished is not", event);
  }
}

bool ModelCancelWatch::LookUp(std::size_t event, std::function<void()> then) {
  if (judge_.events().Holds(std::to_string(event), WallTime(event_queue_.now()))) return false;
  const auto waits = std::make_shared<bool>(true);
  const auto go_on = [this, waits, then = std::move(then)] {
    if (std::exchange(*waits, false) && !stopped_) then();
  };
  // A bucket that does not answer holds nothing up.
  const auto give_up = [this, event, waits, go_on] {
    if (*waits) ledger_.CancelledUnseen(event);
    go_on();
  };
  event_queue_.After(kLookUpTimeout, give_up);
  bucket_.Get(
      event,
      [this, event, waits, go_on](const CancelRequest* found) {
        if (!*waits || stopped_) return;
        const auto now = WallTime(event_queue_.now());
        const std::string id = std::to_string(event);
        if (found != nullptr) {
          const CancelJudge::Request request{.revision = found->revision,
                                             .expires_at = now + kTimeToLive,
                                             .answered = found->state != CancelState::kRequested};
          if (judge_.Take(id, found->state, request, now)) judge_.events().Hold(id, request, now);
        }
        go_on();
      },
      give_up);
  return true;
}

bool ModelCancelWatch::Begin(const InFlightMessage& item, std::size_t event, std::stop_source stop) {
  return judge_.events().Begin(&item, std::to_string(event), std::move(stop), WallTime(event_queue_.now()));
}

// An acknowledgement by the handler counts: what it did is done.
void ModelCancelWatch::Ended(InFlightMessage& item) {
  using Kind = HandlerResult::Kind;
  const Kind kind = item.result.kind;
  const auto end = judge_.events().Ended(&item, kind == Kind::kHandled || kind == Kind::kDropped);
  if (!end || !end->cancelled || kind == Kind::kHandled || kind == Kind::kAbandoned) return;
  const std::size_t event = ledger_.record(FactsOf(*item.message).record).event;
  ledger_.Require(bucket_.IsRequested(event), "answer to a cancellation", "an event was dropped that nobody cancelled",
                  event);
  item.result = {.kind = Kind::kCancelled};
  if (const auto revision = judge_.events().Unanswered(end->event_id))
    bucket_.Answer(event, CancelState::kQueued, *revision);
}

}  // namespace penstock::eventbus::simulation
