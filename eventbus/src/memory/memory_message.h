// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "message/stored_message.h"
#include "transport/transport.h"

namespace penstock::eventbus::memory {

/// Of a message's body and headers.
inline constexpr std::size_t kMaxPayloadBytes = 1 << 20;

/// A message as its stream keeps it: stored once, never changed, shared by everyone it is delivered to.
struct Record {
  std::string subject{};
  std::string body{};
  Headers headers{};  ///< the message ID among them
  std::uint64_t sequence = 0;
  std::chrono::system_clock::time_point stored_at{};
};

/// Bytes of a header block as NATS writes it, with the message ID unless that is empty; 0 when there is nothing to
/// write.
std::size_t HeaderBytes(const Headers& headers, std::string_view message_id = {});

/// The message's headers, its reserved ones first, which it has no more then. The message ID is not among them.
Headers TakeHeaders(OutboundMessage& message);

/// One delivery of a record to one consumer.
struct Taken {
  std::shared_ptr<const Record> record{};
  std::uint64_t delivery_count = 1;
  std::uint64_t pending = 0;
  std::uint64_t fence = 0;  ///< of its consumer's owner
};

/// A delivery as its consumer's owner sees it. Points into the shared record and keeps it alive.
class MemoryMessage final : public StoredMessage {
 public:
  explicit MemoryMessage(Taken taken);

  std::optional<std::string_view> Header(std::string_view name) const override;
  Headers AllHeaders() const override { return record_ == nullptr ? Headers() : record_->headers; }
  std::unique_ptr<StoredMessage> Stub() const override;

 private:
  MemoryMessage() = default;

  const std::shared_ptr<const Record> record_{};  ///< null in a stub
};

}  // namespace penstock::eventbus::memory
