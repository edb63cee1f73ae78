// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/received_message.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "jetstream/message/header_block.h"
#include "jetstream/message/message_pool.h"
#include "naming/decimal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kStatusCodeDigits = 3;

std::optional<std::uint64_t> NumberField(const HeaderBlock& headers, std::string_view name) {
  const auto value = FindHeader(headers.fields, name);
  return value ? ParseDecimal<std::uint64_t>(*value) : std::nullopt;
}

char* Append(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

void* ReceivedMessage::operator new(std::size_t size, TextBytes text) {
  return text.is_for_long ? MessagePool::AllocateAlone(size + text.count) : MessagePool::Allocate(size + text.count);
}
void ReceivedMessage::operator delete(void* memory, TextBytes /*text*/) noexcept { MessagePool::Free(memory); }
void ReceivedMessage::operator delete(void* memory) noexcept { MessagePool::Free(memory); }

MessageHandle ReceivedMessage::Make(std::string_view subject, std::string_view reply, std::size_t header_bytes,
                                    std::size_t body_bytes) {
  const TextBytes text{subject.size() + reply.size() + 1 + header_bytes + body_bytes};
  return MessageHandle(new (text) ReceivedMessage(subject, reply, header_bytes, body_bytes));
}

ReceivedMessage::ReceivedMessage(std::string_view subject, std::string_view reply, std::size_t header_bytes,
                                 std::size_t body_bytes)
    : header_bytes_(header_bytes) {
  char* const reply_begin = Append(text(), subject);
  char* const reply_end = Append(reply_begin, reply);
  *reply_end = '\0';
  subject_ = {text(), subject.size()};
  reply_ = {reply_begin, reply.size()};
  payload_ = {reply_end + 1 + header_bytes, body_bytes};
  size_bytes_ = header_bytes + body_bytes;
}

void ReceivedMessage::SetDelivery(const AckSubject& ack, std::uint64_t epoch) {
  ack_token_ = reply_;
  stream_sequence_ = ack.stream_sequence;
  delivery_count_ = ack.delivery_count;
  pending_ = ack.pending;
  stored_at_ = ack.stored_at;
  epoch_ = epoch;
  header_index_ = HeaderIndex(raw_headers());
}

std::optional<std::string_view> ReceivedMessage::Header(std::string_view name) const {
  return header_index_.Find(raw_headers(), name);
}

Headers ReceivedMessage::AllHeaders() const { return CopyHeaders(ParseHeaderBlock(raw_headers()).fields); }

std::unique_ptr<StoredMessage> ReceivedMessage::Stub() const {
  MessageHandle stub(new (TextBytes{reply_.size() + 1, /*is_for_long=*/true}) ReceivedMessage("", reply_, 0, 0));
  stub->CopyNumbers(*this);
  stub->ack_token_ = stub->reply_;
  stub->epoch_ = epoch_;
  return stub;
}

std::optional<StatusMessage> ReadStatus(const ReceivedMessage& message) {
  if (!message.payload().empty()) return std::nullopt;
  const HeaderBlock headers = ParseHeaderBlock(message.raw_headers());
  const std::string_view digits = headers.status.substr(0, kStatusCodeDigits);
  const std::optional<std::uint64_t> code = ParseDecimal<std::uint64_t>(digits);
  if (!code || digits.size() != kStatusCodeDigits) return std::nullopt;
  StatusMessage status;
  status.code = static_cast<int>(*code);
  status.description = headers.status.substr(std::min(headers.status.size(), kStatusCodeDigits + 1));
  status.pending_messages = NumberField(headers, "Nats-Pending-Messages");
  status.last_consumer_sequence = NumberField(headers, "Nats-Last-Consumer");
  return status;
}

}  // namespace penstock::eventbus::jetstream
