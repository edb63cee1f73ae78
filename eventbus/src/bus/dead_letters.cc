// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kLongestReason = 1024;

std::string_view ErrorClass(Verdict::Kind kind) {
  if (kind == Verdict::Kind::kReject) return "rejected";
  return kind == Verdict::Kind::kUndecodable ? "undecodable" : "exhausted";
}

std::int64_t Nanoseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, kLongestReason));
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, ' ');
  return line;
}

// `Nats-*` headers are commands to the server; those of the original must not be given again.
Headers OriginalHeaders(const StoredMessage& message) {
  Headers headers = message.AllHeaders();
  if (auto id = message.Header(header::kMessageId)) {
    headers.emplace_back("Penstock-Original-Message-Id", PercentEncode(*id));
  }
  std::erase_if(headers, [](const auto& field) { return absl::StartsWithIgnoreCase(field.first, "Nats-"); });
  return headers;
}

}  // namespace

void DeadLetters::Store(const Item& item, const Origin& origin, std::function<void(bool stored)> done) {
  const StoredMessage& message = *item.message;
  const std::string sequence = std::to_string(item.sequence);
  Outgoing letter{.subject = absl::StrFormat("%s.%s", DeadLetterStreamName(options_.base_stream_name), origin.topic),
                  .body = std::string(message.payload()),
                  .message_id = absl::StrFormat("dl:%s:%s:%s:%d", origin.stream, origin.consumer, sequence,
                                                Nanoseconds(message.stored_at())),
                  .headers = OriginalHeaders(message)};
  letter.headers.emplace_back("Penstock-Error-Class", ErrorClass(item.verdict.kind));
  letter.headers.emplace_back("Penstock-Error", OneLine(item.verdict.reason));
  letter.headers.emplace_back("Penstock-Attempts", std::to_string(message.delivery_count()));
  letter.headers.emplace_back("Penstock-Topic", origin.topic);
  letter.headers.emplace_back("Penstock-Stream", origin.stream);
  letter.headers.emplace_back("Penstock-Stream-Sequence", sequence);
  letter.headers.emplace_back("Penstock-Consumer", origin.consumer);
  auto shared_done = std::make_shared<std::function<void(bool)>>(std::move(done));
  const absl::Status sent =
      transport_.Publish(std::move(letter), [shared_done, log = options_.log](const absl::StatusOr<PubAck>& ack) {
        if (!ack.ok() && log) log(LogLevel::kError, absl::StrFormat("store a dead letter: %s", ack.status().message()));
        (*shared_done)(ack.ok());
      });
  if (!sent.ok()) (*shared_done)(false);
}

}  // namespace penstock::eventbus
