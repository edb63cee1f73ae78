// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

/// Header fields in the order they were set. Names are compared without regard to case; a name may occur more than
/// once.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// Names of the headers that Penstock writes and reads.
namespace header {
inline constexpr std::string_view kAggregateId =
    "Penstock-Aggregate-Id";  ///< percent-encoded where it is not visible ASCII
inline constexpr std::string_view kEventType = "Penstock-Event-Type";
inline constexpr std::string_view kContentType = "Content-Type";
inline constexpr std::string_view kMessageId = "Nats-Msg-Id";
inline constexpr std::string_view kTraceparent = "traceparent";
inline constexpr std::string_view kFence = "Penstock-Fence";  ///< `Delivery::fence` of the handler that published it
inline constexpr std::string_view kPriority = "Penstock-Priority";  ///< `PublishOptions::priority`; absent for 0
inline constexpr std::string_view kDeliverAt =
    "Penstock-Deliver-At";  ///< of a delayed message: when it was due; RFC 3339, UTC

// The failure history of a dead letter.
inline constexpr std::string_view kOriginalMessageId = "Penstock-Original-Message-Id";  ///< percent-encoded
inline constexpr std::string_view kErrorClass = "Penstock-Error-Class";
inline constexpr std::string_view kError = "Penstock-Error";  ///< one line of up to 1,024 bytes
inline constexpr std::string_view kAttempts = "Penstock-Attempts";
inline constexpr std::string_view kFirstFailedAt = "Penstock-First-Failed-At";  ///< RFC 3339, UTC
inline constexpr std::string_view kLastFailedAt = "Penstock-Last-Failed-At";    ///< RFC 3339, UTC
inline constexpr std::string_view kTopic = "Penstock-Topic";
inline constexpr std::string_view kStream = "Penstock-Stream";
inline constexpr std::string_view kStreamSequence = "Penstock-Stream-Sequence";
inline constexpr std::string_view kConsumer = "Penstock-Consumer";
inline constexpr std::string_view kHandler = "Penstock-Handler";
inline constexpr std::string_view kHost = "Penstock-Host";
inline constexpr std::string_view kBodyOmitted =
    "Penstock-Body-Omitted";  ///< size of the body, left out because body and failure history exceed the limit
inline constexpr std::string_view kHeadersOmitted =
    "Penstock-Headers-Omitted";  ///< size of the headers, left out because they exceed it even without the body

// A redriven message has all four. Its next dead letter has the first two; every other letter has only the first.
inline constexpr std::string_view kOriginSequence = "Penstock-Origin-Sequence";  ///< its first sequence in its stream
inline constexpr std::string_view kRedriveCount = "Penstock-Redrive-Count";      ///< 1 for the first time
inline constexpr std::string_view kRedriveFor = "Penstock-Redrive-For";          ///< the durable that is to handle it
inline constexpr std::string_view kDeadLetter = "Penstock-Dead-Letter";          ///< sequence of its dead letter
}  // namespace header

}  // namespace penstock
