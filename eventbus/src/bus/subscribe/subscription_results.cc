// SPDX-License-Identifier: Apache-2.0
// How a subscription keeps the results of its events.
#include <memory>
#include <string>
#include <utility>

#include "bus/dead_letters/letter_headers.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {

namespace {

// Attempts count this one.
Result ResultOf(const HandlerResult& ended, std::uint64_t attempts) {
  Result result{.attempts = attempts, .finished_at = std::chrono::system_clock::now()};
  result.handled = ended.kind == HandlerResult::Kind::kHandled;
  if (ended.value) result.value = *ended.value;
  if (!result.handled) {
    result.error_class = error_class::kExpired;
    result.error = "it was too old when its turn came, and was dropped";
  }
  return result;
}

}  // namespace

bool Subscription::KeepsResultOf(const HandlerResult& result) const {
  using Kind = HandlerResult::Kind;
  if (!spec_.keep || (result.already_handled && result.value == nullptr)) return false;
  return result.kind == Kind::kHandled || result.kind == Kind::kDropped;
}

// The message is acknowledged once its result is there: an event that is over has one. The worker goes on meanwhile.
std::shared_ptr<Deferral> Subscription::KeepEnd(InFlightMessage& item, const std::string& event_id,
                                                const HandlerResult& result) {
  const std::uint64_t attempts = item.attempts() + (result.ran() ? 1 : 0);
  std::shared_ptr<Deferral> end = DeferUntil(
      item, Deferral::TakenBack::kWaits, [this, &item](HandlerResult ended) { EndDeferred(item, std::move(ended)); });
  const auto done = [this, end, event_id, kind = result.kind](const absl::Status& status) {
    if (!status.ok()) {
      Log(LogLevel::kError, "cannot keep the result of event " + Quoted(event_id) + ": " +
                                std::string(status.message()) + "; it is over without one");
    }
    end->End({.kind = kind});
  };
  const absl::StatusOr<bool> kept_before = result.already_handled ? spec_.was_kept(event_id) : false;
  if (!kept_before.ok() || *kept_before) {
    done(kept_before.status());
  } else {
    spec_.keep(event_id, ResultOf(result, attempts), done);
  }
  return end;
}

// On the thread of the letters, since it blocks. The ID is that with which the event was published first.
void Subscription::KeepFailure(const InFlightMessage& item) {
  Result result{.error_class = std::string(ErrorClass(item.result.kind)),
                .error = item.result.reason,
                .attempts = item.attempts(),
                .finished_at = std::chrono::system_clock::now()};
  std::string id = PercentDecode(OriginalId(*item.message));
  const auto call = std::make_shared<Call>(*this);
  context_.dead_letters.Later([this, call, id = std::move(id), result = std::move(result)] { KeepResult(id, result); });
}

void Subscription::KeepResult(std::string_view event_id, const Result& result) const {
  const absl::Status kept = spec_.given_up(event_id, result);
  if (!kept.ok())
    Log(LogLevel::kError, "cannot keep the result of event " + Quoted(event_id) + ": " + std::string(kept.message()));
}

}  // namespace penstock::eventbus
