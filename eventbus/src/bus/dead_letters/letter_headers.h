// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "delivery/in_flight_message.h"
#include "message/stored_message.h"
#include "penstock/eventbus/dead_letters.h"
#include "transport/transport.h"

// The only place that writes and reads the headers of a dead letter (docs/dead-letters.md).
namespace penstock::eventbus {

/// Where a message was given up. Read during a call only.
struct LetterOrigin {
  std::string_view topic{};
  std::string_view stream{};
  std::string_view consumer{};
  std::string_view handler{};
  std::string_view host{};
};

/// The `error_class` of a message that left its handler so, for good.
std::string_view ErrorClass(HandlerResult::Kind kind);

/// The number in a header; 0 when the header is missing or is no number.
std::uint64_t HeaderNumber(const StoredMessage& message, std::string_view name);

/// `{stream}.{topic}`.
std::string LetterSubject(std::string_view letter_stream, std::string_view topic);

/// The letter of a message that is given up, for the stream `letter_stream`. Its message ID names the delivery, so that
/// the stream keeps it once even if it is published twice. What would make the letter larger than `max_bytes` is left
/// out, in this order: the end of the reason, all of it, the host, the handler, the body, the original's headers but
/// for its key. When the body is left out, the reason, host and handler are there again.
OutboundMessage MakeLetter(const InFlightMessage& item, const LetterOrigin& origin, std::string_view letter_stream,
                           std::size_t max_bytes);

/// Whether the letter is without its original's body.
bool LacksBody(const OutboundMessage& letter);

/// Reads a letter, body included. Anybody may have written it: a header that is missing or broken leaves its field
/// empty, and the topic is whatever follows the stream in the subject.
DeadLetter ReadLetter(const StoredMessage& message, std::string_view letter_stream);

/// The headers of a message that its letter and its redrive keep.
Headers OriginalHeaders(const StoredMessage& message);

/// The message ID with which the message was first published, percent-encoded.
std::string OriginalId(const StoredMessage& message);

/// The sequence that gives a letter its place among those of its topic and consumer.
std::uint64_t OriginOf(const StoredMessage& letter);

/// The redriven message of a letter: the original one, with the durable that is to handle it. Its message ID names the
/// letter, so that sending it twice within the duplicate window stores it once.
OutboundMessage MakeRedriven(const DeadLetter& letter, std::string_view letter_stream);

}  // namespace penstock::eventbus
