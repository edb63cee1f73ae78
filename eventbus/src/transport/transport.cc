// SPDX-License-Identifier: Apache-2.0
#include "transport/transport.h"

#include <functional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

constexpr const char* kStreamMissingMark = "penstock/stream-missing";
constexpr const char* kUnseenMark = "penstock/unseen";

}  // namespace

absl::Status MarkedAsStreamMissing(absl::Status status) {
  status.SetPayload(kStreamMissingMark, absl::Cord());
  return status;
}

bool IsStreamMissing(const absl::Status& status) { return status.GetPayload(kStreamMissingMark).has_value(); }

absl::Status MarkedAsUnseen(absl::Status status) {
  status.SetPayload(kUnseenMark, absl::Cord());
  return status;
}

bool IsUnseen(const absl::Status& status) { return status.GetPayload(kUnseenMark).has_value(); }

std::string_view StorageName(Storage storage) { return storage == Storage::kMemory ? "memory" : "file"; }

StreamFacts FactsOf(const StreamSpec& spec) {
  StreamFacts facts;
  facts.subjects = spec.subjects;
  facts.storage = spec.storage;
  facts.duplicate_window = spec.duplicate_window;
  facts.discard = spec.discard;
  facts.max_messages_per_subject = spec.max_messages_per_subject;
  facts.max_bytes = spec.max_bytes;
  facts.max_message_bytes = spec.max_message_bytes;
  facts.max_age = spec.max_age;
  facts.replicas = spec.replicas;
  return facts;
}

absl::StatusOr<std::unique_ptr<StoredMessage>> Transport::ReadMessageAt(const std::string& stream,
                                                                        std::uint64_t sequence) {
  auto message = ReadMessage(stream, ">", sequence);
  if (!message.ok() || (*message)->stream_sequence() == sequence) return message;
  return absl::NotFoundError(absl::StrCat("stream \"", stream, "\" has no message ", sequence));
}

std::size_t SizeBytes(const OutboundMessage& message) {
  std::size_t size = message.body.size() + kHeaderBlockBytes + HeaderFieldBytes(header::kMessageId, message.message_id);
  for (const auto& [name, value] : message.reserved_headers) size += HeaderFieldBytes(name, value);
  for (const auto& [name, value] : message.headers) size += HeaderFieldBytes(name, value);
  return size;
}

std::uint64_t OrderKeyOf(std::string_view aggregate_id) {
  return aggregate_id.empty() ? 0 : std::hash<std::string_view>{}(aggregate_id) | 1;
}

}  // namespace penstock::eventbus
