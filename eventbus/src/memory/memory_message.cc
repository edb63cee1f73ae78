// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_message.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "naming/names.h"

namespace penstock::eventbus::memory {
std::size_t HeaderBytes(const Headers& headers, std::string_view message_id) {
  if (headers.empty() && message_id.empty()) return 0;
  std::size_t bytes = kHeaderBlockBytes;
  for (const auto& [name, value] : headers) bytes += HeaderFieldBytes(name, value);
  return message_id.empty() ? bytes : bytes + HeaderFieldBytes(header::kMessageId, message_id);
}

Headers TakeHeaders(OutboundMessage& message) {
  Headers headers;
  headers.reserve(message.reserved_headers.size() + message.headers.size());
  for (ReservedHeader& each : message.reserved_headers) headers.emplace_back(each.name, std::move(each.value));
  std::ranges::move(message.headers, std::back_inserter(headers));
  message.reserved_headers.clear();
  message.headers.clear();
  return headers;
}

MemoryMessage::MemoryMessage(Taken taken) : record_(std::move(taken.record)) {
  subject_ = record_->subject;
  payload_ = record_->body;
  stream_sequence_ = record_->sequence;
  delivery_count_ = taken.delivery_count;
  pending_ = taken.pending;
  fence_ = taken.fence;
  stored_at_ = record_->stored_at;
  size_bytes_ = record_->body.size() + HeaderBytes(record_->headers);
}

std::unique_ptr<StoredMessage> MemoryMessage::Stub() const {
  std::unique_ptr<MemoryMessage> stub(new MemoryMessage());
  stub->CopyNumbers(*this);
  return stub;
}

std::optional<std::string_view> MemoryMessage::Header(std::string_view name) const {
  if (record_ == nullptr) return std::nullopt;
  for (const auto& [key, value] : record_->headers) {
    if (SameName(key, name)) return value;
  }
  return std::nullopt;
}

}  // namespace penstock::eventbus::memory
