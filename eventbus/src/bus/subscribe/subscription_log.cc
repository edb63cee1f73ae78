// SPDX-License-Identifier: Apache-2.0
// What a subscription writes to the log.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "bus/subscribe/subscription.h"
#include "naming/names.h"

namespace penstock::eventbus {

void Subscription::LogSubscribed() const {
  const ConsumerSpec& consumer = spec_.consumer_spec;
  std::string text = absl::StrFormat("subscribed with %d workers", context_.workers);
  if (!consumer.consumer.empty()) {
    const char* const name = consumer.kind == ConsumerKind::kAtMostOnce ? "group" : "durable";
    text += absl::StrFormat(", %s %s", name, Quoted(consumer.consumer));
  }
  if (spec_.durable_is_default) text += ", the client ID, since the options name none";
  if (consumer.kind == ConsumerKind::kShared) text += ", shared";
  Log(LogLevel::kInfo, text);
}

void Subscription::LogDeadLetter(const InFlightMessage& item) {
  std::optional<std::uint64_t> left_out;
  {
    MutexLock lock(mutex_);
    left_out = letter_warnings_.Note(std::chrono::steady_clock::now());
  }
  if (!left_out) return;
  const std::string_view id = item.message->Header(header::kMessageId).value_or(std::string_view{});
  Log(LogLevel::kWarning,
      absl::StrFormat("dead letter: message %d, key %s, ID %s, after %d attempts: %s%s", item.sequence,
                      Quoted(item.key), Quoted(id), item.attempts(), Quoted(item.result.reason), LeftOut(*left_out)));
}

void Subscription::LogStoredTwice(std::uint64_t count) const {
  Log(LogLevel::kWarning,
      absl::StrFormat("the server stored %d events twice within the duplicate window; the copies are not handled",
                      count));
}

void Subscription::LogOddPriority() {
  const std::optional<std::uint64_t> sequence = factory_.TakeOddPriority();
  if (!sequence) return;
  Log(LogLevel::kWarning,
      absl::StrFormat("message %d has a header %s that is no number from -100 to 100: it and others "
                      "like it have priority 0; let their publisher set PublishOptions::priority",
                      *sequence, header::kPriority));
}

void Subscription::LogVanished(const std::vector<std::uint64_t>& sequences) const {
  Log(LogLevel::kWarning, absl::StrFormat("%d messages were asked for again and do not come, the first of them message "
                                          "%d; their keys go on without them",
                                          sequences.size(), sequences.front()));
}

void Subscription::LogStuck(const Actions& actions) const {
  for (const Action& action : actions.list) {
    if (action.kind != Action::Kind::kStuck) continue;
    Log(LogLevel::kError,
        absl::StrFormat("handler %s has been at message %d of key %s for more than %d ms and counts as stuck: the key "
                        "waits and a worker is taken; give what it waits for a time limit, or raise stuck_after",
                        Quoted(spec_.handler_name), action.item->sequence, Quoted(action.item->key),
                        spec_.flow.stuck_after.count()));
  }
}

void Subscription::Log(LogLevel level, const std::string& what) const {
  if (context_.log)
    context_.log(level, absl::StrFormat("subscription %d to %s: %s", spec_.shown_id(), Quoted(spec_.topic), what));
}

}  // namespace penstock::eventbus
