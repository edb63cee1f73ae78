// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_message.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace penstock::eventbus::memory {
namespace {

constexpr std::string_view kHeaderLine = "NATS/1.0\r\n";
constexpr std::string_view kLineEnd = "\r\n";

std::size_t FieldBytes(std::string_view name, std::string_view value) {
  return name.size() + std::string_view(": ").size() + value.size() + kLineEnd.size();
}

bool EqualsIgnoreCase(std::string_view left, std::string_view right) {
  return absl::EqualsIgnoreCase(absl::string_view(left.data(), left.size()),
                                absl::string_view(right.data(), right.size()));
}

}  // namespace

std::size_t HeaderBytes(const Headers& headers, std::string_view message_id) {
  if (headers.empty() && message_id.empty()) return 0;
  std::size_t bytes = kHeaderLine.size() + kLineEnd.size();
  for (const auto& [name, value] : headers) bytes += FieldBytes(name, value);
  return message_id.empty() ? bytes : bytes + FieldBytes(header::kMessageId, message_id);
}

MemoryMessage::MemoryMessage(Taken taken) : record_(std::move(taken.record)) {
  subject_ = record_->subject;
  payload_ = record_->body;
  stream_sequence_ = record_->sequence;
  delivery_count_ = taken.delivery_count;
  pending_ = taken.pending;
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
    if (EqualsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

}  // namespace penstock::eventbus::memory
