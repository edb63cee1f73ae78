// SPDX-License-Identifier: Apache-2.0
#include "penstock/eventbus/reader.h"

#include <utility>

#include "bus/read/read_channel.h"
#include "message/stored_message.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/origin_process.h"

namespace penstock {

using eventbus::ReadChannel;

std::string_view Message::topic() const { return stored_->subject(); }
std::string_view Message::payload() const { return stored_->payload(); }
std::optional<std::string_view> Message::Header(std::string_view name) const { return stored_->Header(name); }
Headers Message::AllHeaders() const { return stored_->AllHeaders(); }
std::uint64_t Message::stream_sequence() const { return stored_->stream_sequence(); }
std::chrono::system_clock::time_point Message::stored_at() const { return stored_->stored_at(); }

Reader& Reader::operator=(Reader&& other) noexcept {
  Reader ended(std::exchange(channel_, std::move(other.channel_)));
  return *this;
}

Reader::~Reader() {
  if (channel_ == nullptr) return;
  if (channel_->origin().left()) {
    LeaveToParent(std::make_unique<std::shared_ptr<ReadChannel>>(std::move(channel_)));
    return;
  }
  Close();
}

absl::StatusOr<Message> Reader::Next(std::chrono::milliseconds timeout) {
  if (timeout.count() < 0) return absl::InvalidArgumentError("read: the timeout is negative; give 0 or more");
  if (channel_ == nullptr) return absl::CancelledError("read: the reader was moved from");
  auto stored = channel_->Next(DeadlineAfter(timeout));
  if (!stored.ok()) return stored.status();
  return Message(*std::move(stored));
}

void Reader::Close() {
  if (channel_ != nullptr) channel_->End(absl::OkStatus(), ReadChannel::Rest::kIsDropped);
}

std::uint64_t Reader::dropped() const { return channel_ == nullptr ? 0 : channel_->dropped(); }

Reader::Iterator& Reader::Iterator::operator++() {
  absl::StatusOr<Message> next = reader_->Next();
  message_.reset();
  if (next.ok()) message_.emplace(*std::move(next));
  return *this;
}

}  // namespace penstock
