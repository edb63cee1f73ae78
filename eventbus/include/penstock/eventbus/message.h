// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "penstock/eventbus/outcome.h"

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

// The story of a dead letter.
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
inline constexpr std::string_view kBodyOmitted = "Penstock-Body-Omitted";  ///< its bytes: body and story were too large

// A redriven message has all of these; its next dead letter keeps the first two.
inline constexpr std::string_view kOriginSequence = "Penstock-Origin-Sequence";  ///< where it first was in its stream
inline constexpr std::string_view kRedriveCount = "Penstock-Redrive-Count";      ///< 1 for the first time
inline constexpr std::string_view kRedriveFor = "Penstock-Redrive-For";          ///< the durable that is to handle it
inline constexpr std::string_view kDeadLetter = "Penstock-Dead-Letter";          ///< sequence of the letter it was
}  // namespace header

/// One message as a transport hands it over: views into memory that the object keeps alive for as long as it lives.
/// Immutable, thus safe to read from several threads.
class StoredMessage {
 public:
  StoredMessage() = default;
  StoredMessage(const StoredMessage&) = delete;
  StoredMessage& operator=(const StoredMessage&) = delete;
  virtual ~StoredMessage() = default;

  std::string_view subject() const { return subject_; }
  std::string_view payload() const { return payload_; }
  /// Position in its stream, from 1.
  std::uint64_t stream_sequence() const { return stream_sequence_; }
  /// How often the server has delivered it to this consumer, this time included: 1 for the first.
  std::uint64_t delivery_count() const { return delivery_count_; }
  /// When the server stored it.
  std::chrono::system_clock::time_point stored_at() const { return stored_at_; }
  /// Messages of the consumer that the server had not yet delivered when it delivered this one.
  std::uint64_t pending() const { return pending_; }
  /// Bytes of body and headers, as they come over the wire.
  std::size_t size_bytes() const { return size_bytes_; }
  /// The transport's own handle for settling the message; meaningless to others.
  std::string_view ack_token() const { return ack_token_; }

  /// The first value of a header, or nothing.
  virtual std::optional<std::string_view> Header(std::string_view name) const = 0;
  /// All headers, copied.
  virtual Headers AllHeaders() const = 0;

  /// The same delivery without subject, headers and body: some hundred bytes that are enough to settle it later.
  virtual std::unique_ptr<StoredMessage> Stub() const = 0;

 protected:
  /// What a stub keeps; not the ack token, whose memory is the derived class's.
  void CopyNumbers(const StoredMessage& of) {
    stream_sequence_ = of.stream_sequence_;
    delivery_count_ = of.delivery_count_;
    pending_ = of.pending_;
    stored_at_ = of.stored_at_;
  }

  std::string_view subject_{};
  std::string_view payload_{};
  std::string_view ack_token_{};
  std::uint64_t stream_sequence_ = 0;
  std::uint64_t delivery_count_ = 1;
  std::uint64_t pending_ = 0;
  std::size_t size_bytes_ = 0;
  std::chrono::system_clock::time_point stored_at_{};
};

namespace eventbus {

/// Makes the deferral of the message that is being handled.
class DeferralSource {
 public:
  virtual std::shared_ptr<Deferral> Defer() = 0;

 protected:
  ~DeferralSource() = default;
};

}  // namespace eventbus

/// What a handler may ask about the delivery it handles. Valid during the call of the handler only.
class Delivery {
 public:
  Delivery(const StoredMessage& message, std::string_view topic, std::uint64_t attempt = 1,
           eventbus::DeferralSource* deferrals = nullptr)
      : message_(message), topic_(topic), attempt_(attempt), deferrals_(deferrals) {}

  std::string_view topic() const { return topic_; }
  std::string_view subject() const { return message_.subject(); }
  /// The body as stored. Shared with other subscribers of the process on the embedded bus, never copied for the call.
  std::string_view payload() const { return message_.payload(); }
  std::optional<std::string_view> Header(std::string_view name) const { return message_.Header(name); }
  Headers AllHeaders() const { return message_.AllHeaders(); }
  std::uint64_t stream_sequence() const { return message_.stream_sequence(); }
  /// 1 for the first attempt. Deliveries to processes before this one count as attempts, since nobody knows better.
  std::uint64_t attempt() const { return attempt_; }
  std::chrono::system_clock::time_point stored_at() const { return message_.stored_at(); }

  /// Makes the outcome something that is told later, through the token alone: whatever the handler returns then
  /// (`Deferred()`, so that it reads well), or throws, does not count. Envelopes only (elsewhere the token is of no
  /// message), and once per call.
  DeferredOutcome Defer() const { return DeferredOutcome(deferrals_ == nullptr ? nullptr : deferrals_->Defer()); }

 private:
  const StoredMessage& message_;
  std::string_view topic_;
  std::uint64_t attempt_;
  eventbus::DeferralSource* deferrals_;
};

}  // namespace penstock
