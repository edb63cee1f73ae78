// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/api/api_client.h"
#include "jetstream/api/api_error.h"
#include "jetstream/message/received_message.h"
#include "jetstream/protocol/json.h"
#include "message/stored_message.h"

// Messages of a stream without a consumer: one request each.
namespace penstock::eventbus::jetstream {

/// Reads the reply to STREAM.MSG.GET. `kInternal` when it is not one.
absl::StatusOr<std::unique_ptr<StoredMessage>> ReadStoredMessage(const Json& reply);

/// Reads the reply to a direct get, which is the message itself with more headers. `kNotFound` when the stream has
/// none; `kInternal` when it is no such reply.
absl::StatusOr<std::unique_ptr<StoredMessage>> ReadDirectMessage(const ReceivedMessage& reply);

/// The error that a refusal is to readers of stored messages: JetStream that is switched off is `kUnavailable`, a
/// missing stream is marked (`IsStreamMissing`).
absl::Status StatusOfRefusal(const std::string& what, const ApiError& error);

/// As `Transport::ReadMessage`.
absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(ApiClient& api, const std::string& stream,
                                                           const std::string& filter, std::uint64_t from_sequence);

/// The message with this very sequence. `kNotFound`.
absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessageAt(ApiClient& api, const std::string& stream,
                                                             std::uint64_t sequence, const std::stop_token& stop);

/// The last message that `filter` takes. `kNotFound` when there is none, or no such stream (`IsStreamMissing`).
absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLastMessage(ApiClient& api, const std::string& stream,
                                                               const std::string& filter);

/// As `Transport::HasMessage`.
absl::StatusOr<bool> HasMessage(ApiClient& api, const std::string& stream, std::uint64_t sequence);

/// As `Transport::DeleteMessage`.
absl::Status DeleteMessage(ApiClient& api, const std::string& stream, std::uint64_t sequence);

}  // namespace penstock::eventbus::jetstream
