// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "jetstream/message/ack_subject.h"
#include "jetstream/message/header_block.h"
#include "jetstream/message/status_message.h"
#include "message/stored_message.h"

namespace penstock::eventbus::jetstream {

class ReceivedMessage;
using MessageHandle = std::unique_ptr<ReceivedMessage>;

/// A message as it came over the wire, in one piece of memory with its subject, reply subject, headers and body.
///
/// **Thread safety:** as `StoredMessage`, once it is filled and, if it came from a stream, known as a delivery.
class ReceivedMessage final : public StoredMessage {
 public:
  /// With room for the rest.
  static MessageHandle Make(std::string_view subject, std::string_view reply, std::size_t header_bytes,
                            std::size_t body_bytes);

  static void operator delete(void* memory) noexcept;

  /// Where headers and body belong, one after the other; to be filled before anything else is asked for.
  std::span<char> room() { return {text() + subject_.size() + reply_.size() + 1, size_bytes_}; }

  /// The contents of the reply subject, which incarnation of its consumer delivered it, and to which ownership.
  void SetDelivery(const AckSubject& ack, std::uint64_t epoch, std::uint64_t fence = 0);

  /// Empty when there is none. A NUL follows.
  std::string_view reply() const { return reply_; }
  std::string_view raw_headers() const { return {payload_.data() - header_bytes_, header_bytes_}; }
  std::uint64_t epoch() const { return epoch_; }

  std::optional<std::string_view> Header(std::string_view name) const override;
  Headers AllHeaders() const override;
  std::unique_ptr<StoredMessage> Stub() const override;

 private:
  struct TextBytes {
    std::size_t count;
    bool is_for_long = false;  ///< so that it is to keep no neighbours' memory
  };
  static void* operator new(std::size_t size, TextBytes text);
  static void operator delete(void* memory, TextBytes text) noexcept;

  ReceivedMessage(std::string_view subject, std::string_view reply, std::size_t header_bytes, std::size_t body_bytes);

  /// Behind the object: subject, reply, a NUL, headers, body.
  char* text() { return reinterpret_cast<char*>(this + 1); }

  std::string_view reply_;
  const std::size_t header_bytes_;
  std::uint64_t epoch_ = 0;
  HeaderIndex header_index_{};
};

/// The status that `message` carries; nothing when it is no status message.
std::optional<StatusMessage> ReadStatus(const ReceivedMessage& message);

}  // namespace penstock::eventbus::jetstream
