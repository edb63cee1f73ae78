// SPDX-License-Identifier: Apache-2.0
// How a subscription keeps the results of its events.
#include <memory>
#include <string>
#include <utility>

#include "bus/dead_letters/letter_headers.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {

// The message is acknowledged once its result is there: an event that is over has one. The worker goes on meanwhile.
void Subscription::KeepSuccess(InFlightMessage& item, const std::string& event_id, const HandlerResult& result) {
  const std::shared_ptr<Deferral> end = Defer(item, Deferral::TakenBack::kWaits);
  spec_.keep(event_id,
             {.handled = true,
              .value = result.value ? *result.value : std::string(),
              .attempts = item.attempts() + 1,
              .finished_at = std::chrono::system_clock::now()},
             [this, end, event_id](const absl::Status& kept) {
               if (!kept.ok()) {
                 Log(LogLevel::kError, "cannot keep the result of event " + Quoted(event_id) + ": " +
                                           std::string(kept.message()) + "; it is over without one");
               }
               end->Settle(Ack()).IgnoreError();
             });
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
