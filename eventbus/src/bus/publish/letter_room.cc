// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/letter_room.h"

#include <algorithm>
#include <array>
#include <utility>

#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {
namespace {

using Field = std::pair<std::string_view, std::size_t>;  // name, longest value

constexpr std::size_t kNumber = 20;     // of 64 bits
constexpr std::size_t kTimestamp = 30;  // RFC 3339 with nanoseconds
constexpr std::size_t kDurable = 64;
constexpr std::size_t kHandlerName = 128;
constexpr std::size_t kErrorClass = std::string_view("undecodable").size();

template <typename Fields>
std::size_t Total(const Fields& fields) {
  std::size_t total = 0;
  for (const auto& [name, value] : fields) total += HeaderFieldBytes(name, {}) + value;
  return total;
}

// Its length percent-encoded, of visible ASCII.
std::size_t EncodedBytes(std::string_view id) {
  return id.size() + 2 * static_cast<std::size_t>(std::ranges::count(id, '%'));
}

}  // namespace

std::size_t LetterRoomBytes(const OutboundMessage& message, std::string_view base) {
  const std::size_t topic = message.subject.size();
  const std::size_t stream = StreamName(base, message.subject).size();
  const std::size_t id = EncodedBytes(message.message_id);
  const std::size_t letter_id = std::string_view("dl:::::").size() + stream + kDurable + 3 * kNumber;
  const std::size_t redrive_id =
      std::string_view("redrive:::").size() + DeadLetterStreamName(base).size() + 2 * kNumber;
  const std::array letter = {Field{header::kOriginalMessageId, id},
                             Field{header::kErrorClass, kErrorClass},
                             Field{header::kError, kReasonRoomBytes},
                             Field{header::kAttempts, kNumber},
                             Field{header::kFirstFailedAt, kTimestamp},
                             Field{header::kLastFailedAt, kTimestamp},
                             Field{header::kTopic, topic},
                             Field{header::kStream, stream},
                             Field{header::kStreamSequence, kNumber},
                             Field{header::kOriginSequence, kNumber},
                             Field{header::kConsumer, kDurable},
                             Field{header::kHandler, kHandlerName},
                             Field{header::kHost, kMostHostBytes},
                             Field{header::kRedriveCount, kNumber},
                             Field{header::kMessageId, letter_id}};
  const std::array redriven = {Field{header::kOriginalMessageId, id}, Field{header::kRedriveFor, kDurable},
                               Field{header::kRedriveCount, kNumber}, Field{header::kOriginSequence, kNumber},
                               Field{header::kDeadLetter, kNumber},   Field{header::kMessageId, redrive_id}};
  // The message's own ID is not carried on as such.
  return std::max(Total(letter), Total(redriven)) - HeaderFieldBytes(header::kMessageId, message.message_id);
}

}  // namespace penstock::eventbus
