// SPDX-License-Identifier: Apache-2.0
#include "jetstream/protocol/received_message.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "jetstream/protocol/header_block.h"
#include "jetstream/protocol/message_block.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kStatusCodeDigits = 3;

std::string_view OrEmpty(const char* text) { return text == nullptr ? std::string_view{} : std::string_view(text); }

// The library's own reading of headers loses a field with an empty value together with the next one (before 3.11),
// changes the message while it reads, and forgets the order. A received message is one piece of memory in every
// version: subject, reply, headers and body, each ended by a NUL; so the headers are what stands between reply and
// body.
std::string_view HeadersOf(const natsMsg& message) {
  const std::string_view reply = OrEmpty(natsMsg_GetReply(&message));
  const std::string_view before = reply.data() != nullptr ? reply : std::string_view(natsMsg_GetSubject(&message));
  const char* const begin = before.data() + before.size() + 1;
  const char* const body = natsMsg_GetData(&message);
  return body > begin ? std::string_view(begin, static_cast<std::size_t>(body - begin) - 1) : std::string_view{};
}

std::optional<std::uint64_t> NumberField(const HeaderBlock& headers, std::string_view name) {
  const auto value = FindHeader(headers.fields, name);
  return value ? ParseNumber(*value) : std::nullopt;
}

char* Append(char* to, std::string_view text) {
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return to + text.size();
}

}  // namespace

void* ReceivedMessage::operator new(std::size_t size, TextBytes text) {
  return text.is_for_long ? MessageBlock::TakeAlone(size + text.count) : MessageBlock::Take(size + text.count);
}
void ReceivedMessage::operator delete(void* memory, TextBytes /*text*/) noexcept { MessageBlock::Return(memory); }
void ReceivedMessage::operator delete(void* memory) noexcept { MessageBlock::Return(memory); }

MessageHandle ReceivedMessage::Make(std::string_view subject, std::string_view reply, std::size_t header_bytes,
                                    std::size_t body_bytes) {
  const TextBytes text{subject.size() + reply.size() + 1 + header_bytes + body_bytes};
  return MessageHandle(new (text) ReceivedMessage(subject, reply, header_bytes, body_bytes));
}

MessageHandle ReceivedMessage::Copy(const natsMsg& message) {
  const std::string_view headers = HeadersOf(message);
  const std::string_view body(natsMsg_GetData(&message), static_cast<std::size_t>(natsMsg_GetDataLength(&message)));
  MessageHandle copy =
      Make(natsMsg_GetSubject(&message), OrEmpty(natsMsg_GetReply(&message)), headers.size(), body.size());
  Append(Append(copy->room().data(), headers), body);
  return copy;
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
