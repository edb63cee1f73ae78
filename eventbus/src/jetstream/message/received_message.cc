// SPDX-License-Identifier: Apache-2.0
#include "jetstream/message/received_message.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "jetstream/message/message_pool.h"
#include "naming/decimal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kStatusCodeDigits = 3;

std::optional<std::uint64_t> NumberField(std::string_view headers, std::string_view name) {
  const auto value = FindHeader(headers, name);
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

void ReceivedMessage::SetDelivery(const AckSubject& ack, std::uint64_t epoch, std::uint64_t fence) {
  ack_token_ = reply_;
  stream_sequence_ = ack.stream_sequence;
  delivery_count_ = ack.delivery_count;
  pending_ = ack.pending;
  stored_at_ = ack.stored_at;
  epoch_ = epoch;
  fence_ = fence;
  header_index_ = HeaderIndex(raw_headers());
}

std::optional<std::string_view> ReceivedMessage::Header(std::string_view name) const {
  return header_index_.Find(raw_headers(), name);
}

Headers ReceivedMessage::AllHeaders() const { return CopyHeaders(raw_headers()); }

std::unique_ptr<StoredMessage> ReceivedMessage::Stub() const {
  MessageHandle stub(new (TextBytes{reply_.size() + 1, /*is_for_long=*/true}) ReceivedMessage("", reply_, 0, 0));
  stub->CopyNumbers(*this);
  stub->ack_token_ = stub->reply_;
  stub->epoch_ = epoch_;
  return stub;
}

std::optional<StatusMessage> ReadStatus(const ReceivedMessage& message) {
  if (!message.payload().empty()) return std::nullopt;
  const std::string_view line = StatusLine(message.raw_headers());
  const std::string_view digits = line.substr(0, kStatusCodeDigits);
  const std::optional<std::uint64_t> code = ParseDecimal<std::uint64_t>(digits);
  if (!code || digits.size() != kStatusCodeDigits) return std::nullopt;
  StatusMessage status;
  status.code = static_cast<int>(*code);
  status.description = line.substr(std::min(line.size(), kStatusCodeDigits + 1));
  status.pending_messages = NumberField(message.raw_headers(), "Nats-Pending-Messages");
  status.last_consumer_sequence = NumberField(message.raw_headers(), "Nats-Last-Consumer");
  status.flow_control_subject = message.reply().empty()
                                    ? FindHeader(message.raw_headers(), "Nats-Consumer-Stalled").value_or("")
                                    : message.reply();
  return status;
}

}  // namespace penstock::eventbus::jetstream
