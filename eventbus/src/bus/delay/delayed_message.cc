// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delayed_message.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "naming/subject_token.h"
#include "naming/timestamp.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

// Of those that a server heeds when it stores a message.
constexpr std::string_view kServerPrefix = "Nats-";
constexpr std::string_view kExpectedLast = "Nats-Expected-Last-Subject-Sequence";
constexpr std::string_view kNever = "never", kMark = "mark";

std::string Text(const StoredMessage& message, std::string_view name) {
  return std::string(message.Header(name).value_or(std::string_view()));
}

bool IsOfTheDelay(std::string_view name) {
  return SameName(name, header::kTopic) || SameName(name, header::kOriginalMessageId) ||
         absl::StartsWithIgnoreCase(std::string(name), std::string(kServerPrefix));
}

}  // namespace

std::string DelayedSubject(std::string_view stream, std::string_view topic, std::string_view id) {
  return absl::StrCat(std::string(stream), ".", SubjectToken(topic), ".", SubjectToken(id));
}

OutboundMessage MakeDelayed(OutboundMessage message, std::chrono::system_clock::time_point due,
                            std::string_view stream) {
  const std::string topic = std::exchange(message.subject, DelayedSubject(stream, message.subject, message.message_id));
  message.reserved_headers.push_back({header::kDeliverAt, FormatTimestamp(due)});
  message.reserved_headers.push_back({header::kTopic, topic});
  message.reserved_headers.push_back({header::kOriginalMessageId, PercentEncode(message.message_id)});
  message.message_id = NewEventId();
  message.order_key = OrderKeyOf(message.subject);
  return message;
}

OutboundMessage MakeCalledOff(std::string_view subject, std::uint64_t sequence) {
  OutboundMessage message{
      .subject = std::string(subject), .message_id = NewEventId(), .order_key = OrderKeyOf(subject)};
  message.reserved_headers.push_back({header::kDeliverAt, std::string(kNever)});
  message.reserved_headers.push_back({kExpectedLast, std::to_string(sequence)});
  return message;
}

// Delayed messages have a token more.
std::string MarkSubject(std::string_view stream) { return absl::StrCat(std::string(stream), ".mark"); }

OutboundMessage MakeMark(std::string_view stream) {
  OutboundMessage message{.subject = MarkSubject(stream), .message_id = NewEventId()};
  message.order_key = OrderKeyOf(message.subject);
  message.reserved_headers.push_back({header::kDeliverAt, std::string(kMark)});
  return message;
}

DelayedFacts ReadDelayed(const StoredMessage& message, std::string_view base) {
  const std::string due = Text(message, header::kDeliverAt);
  if (due == kNever) return {.called_off = true};
  if (due == kMark) return {.mark = true};
  std::string topic = Text(message, header::kTopic);
  const std::string id = PercentDecode(Text(message, header::kOriginalMessageId));
  const bool whole = CheckTopic("relay to", topic, base).ok() &&
                     CheckVisibleAscii("message_id", id, kMostMessageIdBytes, Presence::kRequired).ok() &&
                     message.subject() == DelayedSubject(DelayedStreamName(base), topic, id);
  if (!whole) return {};
  const std::string aggregate = Text(message, header::kAggregateId);
  const std::uint64_t key = OrderKeyOf(absl::StrCat(topic, " ", aggregate.empty() ? id : aggregate));
  return {.due = ParseTimestamp(due), .topic = std::move(topic), .key = key};
}

OutboundMessage MakeRelayed(const StoredMessage& delayed) {
  OutboundMessage message{.subject = Text(delayed, header::kTopic),
                          .body = std::string(delayed.payload()),
                          .message_id = PercentDecode(Text(delayed, header::kOriginalMessageId))};
  for (auto& [name, value] : delayed.AllHeaders()) {
    if (!IsOfTheDelay(name)) message.headers.emplace_back(name, value);
  }
  message.order_key = OrderKeyOf(Text(delayed, header::kAggregateId));
  return message;
}

}  // namespace penstock::eventbus
