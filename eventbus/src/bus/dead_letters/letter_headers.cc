// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/letter_headers.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bus/publish/letter_room.h"
#include "naming/decimal.h"
#include "naming/names.h"
#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

using SystemTime = std::chrono::system_clock::time_point;

constexpr std::size_t kLongestError = 1024;

constexpr std::array kHistoryHeaders = {
    header::kOriginalMessageId, header::kErrorClass,     header::kError,          header::kAttempts,
    header::kFirstFailedAt,     header::kLastFailedAt,   header::kTopic,          header::kStream,
    header::kStreamSequence,    header::kConsumer,       header::kHandler,        header::kHost,
    header::kBodyOmitted,       header::kHeadersOmitted, header::kOriginSequence, header::kRedriveCount,
    header::kRedriveFor,        header::kDeadLetter};

// `Nats-*` headers are commands to the server; those of the original must not be given again.
Headers WithoutHistory(Headers headers) {
  std::erase_if(headers, [](const auto& field) {
    return absl::StartsWithIgnoreCase(field.first, "Nats-") ||
           std::any_of(kHistoryHeaders.begin(), kHistoryHeaders.end(),
                       [&](std::string_view name) { return SameName(field.first, name); });
  });
  return headers;
}

std::string OneLine(std::string_view text, std::size_t most) {
  std::size_t size = std::min(text.size(), most);
  const auto continues = [&text](std::size_t i) { return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; };
  while (size > 0 && size < text.size() && continues(size)) --size;
  std::string line(text.substr(0, size));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return line;
}

std::int64_t Nanoseconds(SystemTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string_view Text(const StoredMessage& message, std::string_view name) {
  return message.Header(name).value_or(std::string_view{});
}

SystemTime Time(const StoredMessage& message, std::string_view name) {
  return ParseTimestamp(Text(message, name)).value_or(SystemTime{});
}

// What a letter is none without.
void AddHistory(const InFlightMessage& item, const LetterOrigin& origin, Headers& headers) {
  const StoredMessage& message = *item.message;
  const auto add = [&headers](std::string_view name, std::string value) {
    if (!value.empty()) headers.emplace_back(name, std::move(value));
  };
  const bool failed = item.last_failed_at != SystemTime{};
  const SystemTime last = failed ? item.last_failed_at : std::chrono::system_clock::now();
  if (!message.Header(header::kAggregateId)) add(header::kAggregateId, std::string(item.key));
  add(header::kOriginalMessageId, OriginalId(message));
  add(header::kErrorClass, std::string(ErrorClass(item.result.kind)));
  add(header::kAttempts, std::to_string(item.attempts()));
  if (item.first_failed_at != SystemTime{}) add(header::kFirstFailedAt, FormatTimestamp(item.first_failed_at));
  add(header::kLastFailedAt, FormatTimestamp(last));
  add(header::kTopic, std::string(origin.topic));
  add(header::kStream, std::string(origin.stream));
  add(header::kStreamSequence, std::to_string(item.sequence));
  add(header::kOriginSequence, std::to_string(item.origin == 0 ? item.sequence : item.origin));
  add(header::kConsumer, std::string(origin.consumer));
  if (item.letter != 0) add(header::kRedriveCount, std::to_string(HeaderNumber(message, header::kRedriveCount)));
}

std::size_t SizeOf(const Headers& headers) {
  std::size_t size = 0;
  for (const auto& [name, value] : headers) size += HeaderFieldBytes(name, value);
  return size;
}

// Leaves out the first `count`, which are the original's, but for its key.
void OmitHeaders(Headers& headers, std::size_t count) {
  Headers own(std::make_move_iterator(headers.begin()),
              std::make_move_iterator(headers.begin() + static_cast<std::ptrdiff_t>(count)));
  headers.erase(headers.begin(), headers.begin() + static_cast<std::ptrdiff_t>(count));
  for (auto& field : own) {
    if (SameName(field.first, header::kAggregateId)) headers.push_back(field);
  }
  headers.emplace_back(header::kHeadersOmitted, std::to_string(SizeOf(own)));
}

// What a letter can do without, the least dispensable first: what does not fit is left out, and the reason is cut.
// False: it is too large already.
bool AddDetails(const InFlightMessage& item, const LetterOrigin& origin, std::size_t max_bytes,
                OutboundMessage& letter) {
  std::size_t size = SizeBytes(letter);
  if (size > max_bytes) return false;
  const auto add = [&](std::string_view name, std::string_view value, std::size_t most) {
    const std::size_t room = max_bytes - size;
    const std::size_t frame = HeaderFieldBytes(name, {});
    if (value.empty() || frame >= room) return;
    std::string line = OneLine(value, std::min(most, room - frame));
    if (line.empty()) return;
    size += frame + line.size();
    letter.headers.emplace_back(name, std::move(line));
  };
  const auto add_whole = [&](std::string_view name, std::string_view value) {
    if (HeaderFieldBytes(name, value) <= max_bytes - size) add(name, value, value.size());
  };
  add_whole(header::kHandler, origin.handler);
  add_whole(header::kHost, origin.host.substr(0, kMostHostBytes));
  add(header::kError, item.result.reason, kLongestError);
  return true;
}

}  // namespace

std::string_view ErrorClass(HandlerResult::Kind kind) {
  if (kind == HandlerResult::Kind::kThrew) return error_class::kThrew;
  if (kind == HandlerResult::Kind::kReject) return error_class::kRejected;
  if (kind == HandlerResult::Kind::kUndecodable) return error_class::kUndecodable;
  if (kind == HandlerResult::Kind::kTimedOut) return error_class::kTimedOut;
  if (kind == HandlerResult::Kind::kExpired) return error_class::kExpired;
  if (kind == HandlerResult::Kind::kCancelled) return error_class::kCancelled;
  if (kind == HandlerResult::Kind::kQuarantined) return error_class::kQuarantined;
  return error_class::kExhausted;
}

std::uint64_t HeaderNumber(const StoredMessage& message, std::string_view name) {
  return ParseDecimal<std::uint64_t>(Text(message, name)).value_or(0);
}

std::string LetterSubject(std::string_view letter_stream, std::string_view topic) {
  return absl::StrCat(std::string(letter_stream), ".", std::string(topic));
}

OutboundMessage MakeLetter(const InFlightMessage& item, const LetterOrigin& origin, std::string_view letter_stream,
                           std::size_t max_bytes) {
  const StoredMessage& message = *item.message;
  OutboundMessage letter{
      .subject = LetterSubject(letter_stream, origin.topic),
      .body = std::string(message.payload()),
      .message_id = absl::StrCat("dl:", std::string(origin.stream), ":", std::string(origin.consumer), ":",
                                 item.sequence, ":", Nanoseconds(message.stored_at()), ":", message.delivery_count()),
      .headers = WithoutHistory(message.AllHeaders()),
      .order_key = OrderKeyOf(item.key)};
  const std::size_t own_headers = letter.headers.size();
  AddHistory(item, origin, letter.headers);
  if (AddDetails(item, origin, max_bytes, letter)) return letter;
  letter.headers.emplace_back(header::kBodyOmitted, std::to_string(letter.body.size()));
  letter.body.clear();
  if (AddDetails(item, origin, max_bytes, letter)) return letter;
  OmitHeaders(letter.headers, own_headers);
  AddDetails(item, origin, max_bytes, letter);
  return letter;
}

bool LacksBody(const OutboundMessage& letter) {
  return std::ranges::any_of(letter.headers, [](const auto& field) { return field.first == header::kBodyOmitted; });
}

Headers OriginalHeaders(const StoredMessage& message) { return WithoutHistory(message.AllHeaders()); }

std::string OriginalId(const StoredMessage& message) {
  if (const auto kept = message.Header(header::kOriginalMessageId)) return std::string(*kept);
  return PercentEncode(Text(message, header::kMessageId));
}

std::uint64_t OriginOf(const StoredMessage& letter) {
  const std::uint64_t origin = HeaderNumber(letter, header::kOriginSequence);
  return origin != 0 ? origin : HeaderNumber(letter, header::kStreamSequence);
}

DeadLetter ReadLetter(const StoredMessage& message, std::string_view letter_stream) {
  const std::string_view subject = message.subject();
  const SystemTime failed = Time(message, header::kLastFailedAt);
  return {.id = message.stream_sequence(),
          .topic = std::string(subject.substr(std::min(subject.size(), letter_stream.size() + 1))),
          .key = PercentDecode(Text(message, header::kAggregateId)),
          .error_class = std::string(Text(message, header::kErrorClass)),
          .error = std::string(Text(message, header::kError)),
          .attempts = HeaderNumber(message, header::kAttempts),
          .first_failed_at = Time(message, header::kFirstFailedAt),
          .last_failed_at = failed != SystemTime{} ? failed : message.stored_at(),
          .stored_at = message.stored_at(),
          .stream = std::string(Text(message, header::kStream)),
          .stream_sequence = HeaderNumber(message, header::kStreamSequence),
          .origin_sequence = OriginOf(message),
          .consumer = std::string(Text(message, header::kConsumer)),
          .handler = std::string(Text(message, header::kHandler)),
          .host = std::string(Text(message, header::kHost)),
          .redrive_count = HeaderNumber(message, header::kRedriveCount),
          .message_id = PercentDecode(Text(message, header::kOriginalMessageId)),
          .body = std::string(message.payload()),
          .body_omitted = static_cast<std::size_t>(HeaderNumber(message, header::kBodyOmitted)),
          .headers_omitted = static_cast<std::size_t>(HeaderNumber(message, header::kHeadersOmitted)),
          .headers = WithoutHistory(message.AllHeaders())};
}

OutboundMessage MakeRedriven(const DeadLetter& letter, std::string_view letter_stream) {
  OutboundMessage message{.subject = letter.topic,
                          .body = letter.body,
                          .message_id = absl::StrCat("redrive:", std::string(letter_stream), ":", letter.id, ":",
                                                     Nanoseconds(letter.stored_at)),
                          .headers = letter.headers,
                          .order_key = OrderKeyOf(PercentEncode(letter.key))};
  const auto add = [&message](std::string_view name, std::string value) {
    message.headers.emplace_back(name, std::move(value));
  };
  if (!letter.message_id.empty()) add(header::kOriginalMessageId, PercentEncode(letter.message_id));
  add(header::kRedriveFor, letter.consumer);
  add(header::kRedriveCount, std::to_string(letter.redrive_count + 1));
  add(header::kOriginSequence, std::to_string(letter.origin_sequence));
  add(header::kDeadLetter, std::to_string(letter.id));
  return message;
}

}  // namespace penstock::eventbus
