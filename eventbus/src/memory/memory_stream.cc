// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/decimal.h"
#include "naming/subject.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus::memory {
namespace {

constexpr std::string_view kExpectedSequence = "Nats-Expected-Last-Subject-Sequence";
constexpr std::string_view kRollup = "Nats-Rollup";

std::string_view ValueOf(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Headers::value_type::first);
  return found == headers.end() ? std::string_view() : found->second;
}

std::uint64_t CountAbove(const std::deque<std::uint64_t>& sequences, std::uint64_t sequence) {
  return static_cast<std::uint64_t>(sequences.end() - std::upper_bound(sequences.begin(), sequences.end(), sequence));
}

Record MakeRecord(OutboundMessage message, std::uint64_t sequence, std::chrono::system_clock::time_point stored_at) {
  if (!message.message_id.empty()) {
    message.headers.emplace_back(std::string(header::kMessageId), std::move(message.message_id));
  }
  return {.subject = std::move(message.subject),
          .body = std::move(message.body),
          .headers = std::move(message.headers),
          .sequence = sequence,
          .stored_at = stored_at};
}

std::int64_t BytesOf(const Record& record) {
  return static_cast<std::int64_t>(record.subject.size() + record.body.size() + HeaderBytes(record.headers));
}

}  // namespace

MemoryStream::MemoryStream(StreamSpec spec) : spec_(std::move(spec)) {}

absl::StatusOr<PubAck> MemoryStream::Append(OutboundMessage message, TimePoint now,
                                            std::chrono::system_clock::time_point stored_at) {
  Expire(now);
  if (const auto known = sequence_by_id_.find(message.message_id); known != sequence_by_id_.end()) {
    return PubAck{.stream = spec_.name, .sequence = known->second, .duplicate = true};
  }
  if (absl::Status holds = CheckExpectations(message); !holds.ok()) return holds;
  const bool rolls_up = ValueOf(message.headers, kRollup) == "sub";
  const std::uint64_t sequence = last_sequence() + 1;
  std::string id = message.message_id;
  auto record = std::make_shared<const Record>(MakeRecord(std::move(message), sequence, stored_at));
  const std::int64_t bytes = BytesOf(*record);
  if (absl::Status fits = CheckSize(*record); !fits.ok()) return fits;
  if (absl::Status room = MakeRoom(bytes); !room.ok()) return room;
  if (!id.empty()) RememberId(std::move(id), sequence, now);
  const std::string& subject = record->subject;
  by_subject_[subject].push_back(sequence);
  bytes_ += bytes;
  entries_.push_back({.record = record, .bytes = bytes, .stored = now});
  const std::size_t kept = rolls_up ? 1 : static_cast<std::size_t>(spec_.max_messages_per_subject);
  if (kept > 0) KeepLast(subject, kept);
  return PubAck{.stream = spec_.name, .sequence = sequence, .duplicate = false};
}

absl::Status MemoryStream::CheckExpectations(const OutboundMessage& message) const {
  const std::string_view text = ValueOf(message.headers, kExpectedSequence);
  if (text.empty()) return absl::OkStatus();
  const std::shared_ptr<const Record> last = FindLast(message.subject);
  const std::uint64_t sequence = last == nullptr ? 0 : last->sequence;
  if (ParseDecimal<std::uint64_t>(text) == sequence) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("store in stream \"", spec_.name, "\": wrong last sequence: ", sequence));
}

absl::Status MemoryStream::CheckSize(const Record& record) const {
  const auto bytes = static_cast<std::int64_t>(record.body.size() + HeaderBytes(record.headers));
  if (spec_.max_message_bytes <= 0 || bytes <= spec_.max_message_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("store in stream \"", spec_.name, "\": ", bytes,
                                                   " bytes are over the limit of a message, ", spec_.max_message_bytes,
                                                   "; send less, or raise it"));
}

void MemoryStream::KeepLast(const std::string& subject, std::size_t count) {
  while (by_subject_.at(subject).size() > count) Delete(by_subject_.at(subject).front());
}

absl::Status MemoryStream::MakeRoom(std::int64_t bytes) {
  if (spec_.max_bytes <= 0) return absl::OkStatus();
  const bool too_large = bytes > spec_.max_bytes;
  if (too_large || (spec_.discard == Discard::kNew && bytes_ + bytes > spec_.max_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("store in stream \"", spec_.name, "\": its bound of ", spec_.max_bytes, " bytes is reached by ",
                     bytes_, " kept and ", bytes, " more; raise the stream's max_bytes or let it discard by age"));
  }
  while (bytes_ + bytes > spec_.max_bytes) DiscardFirst();
  return absl::OkStatus();
}

void MemoryStream::DiscardFirst() {
  const Entry& first = entries_.front();
  const auto sequences = by_subject_.find(first.record->subject);
  sequences->second.pop_front();
  if (sequences->second.empty()) by_subject_.erase(sequences);
  bytes_ -= first.bytes;
  entries_.pop_front();
  ++first_sequence_;
  DropDeletedFront();
}

void MemoryStream::DropDeletedFront() {
  while (!entries_.empty() && entries_.front().record == nullptr) {
    entries_.pop_front();
    ++first_sequence_;
  }
}

bool MemoryStream::Delete(std::uint64_t sequence) {
  const std::shared_ptr<const Record> record = Find(sequence);
  if (record == nullptr) return false;
  const auto sequences = by_subject_.find(record->subject);
  sequences->second.erase(std::lower_bound(sequences->second.begin(), sequences->second.end(), sequence));
  if (sequences->second.empty()) by_subject_.erase(sequences);
  Entry& entry = entries_[sequence - first_sequence_];
  bytes_ -= entry.bytes;
  entry = Entry{};
  DropDeletedFront();
  return true;
}

void MemoryStream::RememberId(std::string id, std::uint64_t sequence, TimePoint now) {
  ids_in_order_.push_back({.id = std::move(id), .stored = now});
  sequence_by_id_.emplace(ids_in_order_.back().id, sequence);
}

void MemoryStream::ForgetIds(TimePoint now) {
  while (!ids_in_order_.empty() && LaterBy(ids_in_order_.front().stored, spec_.duplicate_window) <= now) {
    sequence_by_id_.erase(ids_in_order_.front().id);
    ids_in_order_.pop_front();
  }
}

void MemoryStream::Expire(TimePoint now) {
  ForgetIds(now);
  if (spec_.max_age.count() <= 0) return;
  while (!entries_.empty() && LaterBy(entries_.front().stored, spec_.max_age) <= now) DiscardFirst();
}

TimePoint MemoryStream::NextExpiry() const {
  TimePoint next = TimePoint::max();
  if (!ids_in_order_.empty()) next = LaterBy(ids_in_order_.front().stored, spec_.duplicate_window);
  if (spec_.max_age.count() > 0 && !entries_.empty())
    next = std::min(next, LaterBy(entries_.front().stored, spec_.max_age));
  return next;
}

std::shared_ptr<const Record> MemoryStream::Find(std::uint64_t sequence) const {
  if (sequence < first_sequence_ || sequence > last_sequence()) return nullptr;
  return entries_[sequence - first_sequence_].record;
}

std::shared_ptr<const Record> MemoryStream::FindLast(std::string_view subject) const {
  const auto sequences = by_subject_.find(subject);
  return sequences == by_subject_.end() ? nullptr : Find(sequences->second.back());
}

std::vector<std::shared_ptr<const Record>> MemoryStream::LastOfEach(std::string_view filter) const {
  std::vector<std::shared_ptr<const Record>> found;
  for (const auto& [subject, sequences] : by_subject_) {
    if (SubjectMatches(filter, subject)) found.push_back(Find(sequences.back()));
  }
  std::ranges::sort(found, {}, [](const auto& record) { return record->sequence; });
  return found;
}

std::shared_ptr<const Record> MemoryStream::NextAfter(std::string_view filter, std::uint64_t sequence) const {
  for (std::uint64_t next = std::max(sequence + 1, first_sequence_); next <= last_sequence(); ++next) {
    const auto& record = entries_[next - first_sequence_].record;
    if (record != nullptr && SubjectMatches(filter, record->subject)) return record;
  }
  return nullptr;
}

std::uint64_t MemoryStream::CountAfter(std::string_view filter, std::uint64_t sequence) const {
  if (!HasWildcard(filter)) {
    const auto sequences = by_subject_.find(filter);
    return sequences == by_subject_.end() ? 0 : CountAbove(sequences->second, sequence);
  }
  std::uint64_t count = 0;
  for (const auto& [subject, sequences] : by_subject_) {
    if (SubjectMatches(filter, subject)) count += CountAbove(sequences, sequence);
  }
  return count;
}

}  // namespace penstock::eventbus::memory
