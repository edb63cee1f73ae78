// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "jetstream/ack_subject.h"
#include "jetstream/handles.h"
#include "jetstream/header_index.h"
#include "jetstream/message_block.h"
#include "jetstream/status_message.h"
#include "penstock/eventbus/message.h"

namespace penstock::eventbus::jetstream {

/// A message of a stream, as views into nats.c's own memory.
///
/// **Thread safety:** as `StoredMessage`.
class NatsMessage final : public StoredMessage {
 public:
  /// `ack` was read from `message`'s reply subject.
  NatsMessage(MessageHandle message, const AckSubject& ack, std::uint64_t epoch);

  static void* operator new(std::size_t size) { return MessageBlock::Take(size); }
  static void operator delete(void* memory) noexcept { MessageBlock::Return(memory); }

  std::optional<std::string_view> Header(std::string_view name) const override;
  Headers AllHeaders() const override;
  std::unique_ptr<StoredMessage> Stub() const override;

  /// Which incarnation of its consumer delivered it.
  std::uint64_t epoch() const { return epoch_; }

 private:
  NatsMessage(std::string_view ack_token, std::uint64_t epoch) : reply_(ack_token), epoch_(epoch) {}  // a stub

  const MessageHandle message_{};  // null in a stub
  const std::string reply_{};      // of a stub; ended by a NUL, as nats.c wants it
  const std::uint64_t epoch_;
  std::string_view headers_{};  // as they came
  HeaderIndex header_index_{};
};

/// The reply subject, empty when there is none.
std::string_view ReplyOf(const natsMsg& message);

/// The body.
std::string_view BodyOf(const natsMsg& message);

/// The status that `message` carries; nothing when it is no status message.
std::optional<StatusMessage> ReadStatus(const natsMsg& message);

}  // namespace penstock::eventbus::jetstream
