// SPDX-License-Identifier: Apache-2.0
#include "http/event_queue.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace penstock::metrics {
namespace {

bool IsOneLine(const std::string& text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

// Takes the next line, without its end, off `text`.
std::string NextLine(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
  std::string line(text.substr(0, end));
  const bool both = text.substr(end).starts_with("\r\n");
  text.remove_prefix(std::min(text.size(), end + (both ? 2 : 1)));
  return line;
}

}  // namespace

std::optional<std::string> EncodeEvent(const ServerSentEvent& event) {
  if (!IsOneLine(event.type) || !IsOneLine(event.id)) return std::nullopt;
  std::string bytes;
  if (!event.type.empty()) absl::StrAppend(&bytes, "event: ", event.type, "\n");
  if (!event.id.empty()) absl::StrAppend(&bytes, "id: ", event.id, "\n");
  std::string_view data = event.data;
  do {
    absl::StrAppend(&bytes, "data: ", NextLine(data), "\n");
  } while (!data.empty());
  bytes += '\n';
  return bytes;
}

absl::Status EventQueue::Push(std::string_view bytes) {
  const MutexLock lock(mutex_);
  if (overflowed_) return absl::ResourceExhaustedError("send event: the client was too slow; the stream has ended");
  if (closed_) return absl::CancelledError("send event: the stream has ended; let go of it");
  if (being_written_ + waiting_.size() + bytes.size() > max_bytes_) {
    overflowed_ = closed_ = true;
    if (wake_) wake_();  // also one that was woken: it may wait for the client to read
    return absl::ResourceExhaustedError(
        absl::StrCat("send event: the client left more than ", max_bytes_, " bytes unread; the stream has ended"));
  }
  waiting_ += bytes;
  WakeOnce();
  return absl::OkStatus();
}

void EventQueue::WakeOnce() {
  if (wake_ && !std::exchange(woken_, true)) wake_();
}

bool EventQueue::closed() const {
  const MutexLock lock(mutex_);
  return closed_;
}

void EventQueue::Close() {
  const MutexLock lock(mutex_);
  if (!std::exchange(closed_, true)) WakeOnce();
}

std::string EventQueue::Take() {
  const MutexLock lock(mutex_);
  woken_ = false;
  being_written_ = waiting_.size();
  return std::exchange(waiting_, {});
}

bool EventQueue::finished() const {
  const MutexLock lock(mutex_);
  return closed_ && waiting_.empty() && being_written_ == 0;
}

bool EventQueue::overflowed() const {
  const MutexLock lock(mutex_);
  return overflowed_;
}

void EventQueue::Abandon() {
  Wake unused;  // what it holds is let go without the lock
  const MutexLock lock(mutex_);
  closed_ = true;
  waiting_.clear();
  std::swap(unused, wake_);
}

absl::Status QueuedEventStream::Send(const ServerSentEvent& event) {
  const std::optional<std::string> bytes = EncodeEvent(event);
  if (bytes) return queue_->Push(*bytes);
  return absl::InvalidArgumentError("send event: type or id has a line break or a zero byte; remove it");
}

}  // namespace penstock::metrics
