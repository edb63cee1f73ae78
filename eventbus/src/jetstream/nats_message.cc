// SPDX-License-Identifier: Apache-2.0
#include "jetstream/nats_message.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "jetstream/header_block.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kStatusCodeDigits = 3;

// The library's own reading of headers loses a field with an empty value together with the next one (before 3.11),
// changes the message while it reads, and forgets the order. A received message is one piece of memory in every
// version: subject, reply, headers and body, each ended by a NUL; so the headers are what stands between reply and
// body.
std::string_view HeadersBetween(std::string_view before, const char* body) {
  const char* const begin = before.data() + before.size() + 1;
  return body > begin ? std::string_view(begin, static_cast<std::size_t>(body - begin) - 1) : std::string_view{};
}

std::string_view RawHeaders(const natsMsg& message) {
  const std::string_view before =
      natsMsg_GetReply(&message) != nullptr ? ReplyOf(message) : natsMsg_GetSubject(&message);
  return HeadersBetween(before, natsMsg_GetData(&message));
}

std::optional<std::uint64_t> NumberField(const HeaderBlock& headers, std::string_view name) {
  const auto value = FindHeader(headers.fields, name);
  return value ? ParseNumber(*value) : std::nullopt;
}

}  // namespace

NatsMessage::NatsMessage(MessageHandle message, const AckSubject& ack, std::uint64_t epoch)
    : message_(std::move(message)), epoch_(epoch) {
  subject_ = natsMsg_GetSubject(message_.get());
  payload_ = BodyOf(*message_);
  ack_token_ = ack.text;
  stream_sequence_ = ack.stream_sequence;
  delivery_count_ = ack.delivery_count;
  pending_ = ack.pending;
  stored_at_ = ack.stored_at;
  headers_ = HeadersBetween(ack.text, payload_.data());
  header_index_ = HeaderIndex(headers_);
  size_bytes_ = payload_.size() + headers_.size();
}

std::optional<std::string_view> NatsMessage::Header(std::string_view name) const {
  return header_index_.Find(headers_, name);
}

Headers NatsMessage::AllHeaders() const { return CopyHeaders(ParseHeaderBlock(headers_).fields); }

std::unique_ptr<StoredMessage> NatsMessage::Stub() const {
  std::unique_ptr<NatsMessage> stub(new NatsMessage(ack_token_, epoch_));
  stub->CopyNumbers(*this);
  stub->ack_token_ = stub->reply_;
  return stub;
}

std::string_view ReplyOf(const natsMsg& message) {
  const char* reply = natsMsg_GetReply(&message);
  return reply == nullptr ? std::string_view{} : std::string_view(reply);
}

std::string_view BodyOf(const natsMsg& message) {
  return {natsMsg_GetData(&message), static_cast<std::size_t>(natsMsg_GetDataLength(&message))};
}

std::optional<StatusMessage> ReadStatus(const natsMsg& message) {
  if (!BodyOf(message).empty()) return std::nullopt;
  const HeaderBlock headers = ParseHeaderBlock(RawHeaders(message));
  const std::string_view digits = headers.status.substr(0, kStatusCodeDigits);
  const std::optional<std::uint64_t> code = ParseNumber(digits);
  if (!code || digits.size() != kStatusCodeDigits) return std::nullopt;
  StatusMessage status;
  status.code = static_cast<int>(*code);
  status.description = headers.status.substr(std::min(headers.status.size(), kStatusCodeDigits + 1));
  status.pending_messages = NumberField(headers, "Nats-Pending-Messages");
  status.last_consumer_sequence = NumberField(headers, "Nats-Last-Consumer");
  return status;
}

}  // namespace penstock::eventbus::jetstream
