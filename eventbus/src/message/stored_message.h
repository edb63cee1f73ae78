// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "penstock/eventbus/message.h"

namespace penstock {

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
  /// The fencing token of the ownership that it was delivered to; 0: none. See `Delivery::fence`.
  std::uint64_t fence() const { return fence_; }
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
  /// The part that a stub keeps; not the ack token, whose memory is the derived class's.
  void CopyNumbers(const StoredMessage& of) {
    stream_sequence_ = of.stream_sequence_;
    delivery_count_ = of.delivery_count_;
    pending_ = of.pending_;
    fence_ = of.fence_;
    stored_at_ = of.stored_at_;
  }

  std::string_view subject_{};
  std::string_view payload_{};
  std::string_view ack_token_{};
  std::uint64_t stream_sequence_ = 0;
  std::uint64_t delivery_count_ = 1;
  std::uint64_t pending_ = 0;
  std::uint64_t fence_ = 0;
  std::size_t size_bytes_ = 0;
  std::chrono::system_clock::time_point stored_at_{};
};

}  // namespace penstock
