// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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
  /// The transport's own handle for settling the message; meaningless to others.
  std::string_view ack_token() const { return ack_token_; }

  /// The first value of a header, or nothing.
  virtual std::optional<std::string_view> Header(std::string_view name) const = 0;
  /// All headers, copied.
  virtual Headers AllHeaders() const = 0;

 protected:
  std::string_view subject_{};
  std::string_view payload_{};
  std::string_view ack_token_{};
  std::uint64_t stream_sequence_ = 0;
  std::uint64_t delivery_count_ = 1;
  std::uint64_t pending_ = 0;
  std::chrono::system_clock::time_point stored_at_{};
};

/// What a handler may ask about the delivery it handles. Valid during the call of the handler only.
class Delivery {
 public:
  Delivery(const StoredMessage& message, std::string_view topic) : message_(message), topic_(topic) {}

  std::string_view topic() const { return topic_; }
  std::string_view subject() const { return message_.subject(); }
  /// The body as stored. Shared with other subscribers of the process on the embedded bus, never copied for the call.
  std::string_view payload() const { return message_.payload(); }
  std::optional<std::string_view> Header(std::string_view name) const { return message_.Header(name); }
  Headers AllHeaders() const { return message_.AllHeaders(); }
  std::uint64_t stream_sequence() const { return message_.stream_sequence(); }
  /// 1 for the first attempt.
  std::uint64_t attempt() const { return message_.delivery_count(); }
  std::chrono::system_clock::time_point stored_at() const { return message_.stored_at(); }

 private:
  const StoredMessage& message_;
  std::string_view topic_;
};

}  // namespace penstock
