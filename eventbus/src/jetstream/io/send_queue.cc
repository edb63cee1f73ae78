// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/send_queue.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "naming/characters.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kPing = "PING\r\n";
constexpr std::size_t kMaxDigits = 20;
// Of a line: its verb, two sizes, spaces and the end.
constexpr std::size_t kBytesBesideSubjects = 5 + 2 * (kMaxDigits + 1) + 2 + 2;
// Kept of a buffer that was larger once.
constexpr std::size_t kKeptBytes = 1 << 20;

// Nothing that could end a line or a word of it: the server takes lines apart by these.
bool FitsInLine(std::string_view text) {
  if (FindNotVisibleAscii(text) == std::string_view::npos) return true;
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; });
}

bool IsFit(const Publication& each) {
  return !each.subject.empty() && FitsInLine(each.subject) && (each.reply.empty() || FitsInLine(each.reply));
}

char* Put(char* to, std::string_view text) { return std::ranges::copy(text, to).out; }
char* Put(char* to, std::size_t number) { return std::to_chars(to, to + kMaxDigits, number).ptr; }

// The line is put into room made for it at once: to append word by word costs more than what it copies.
void AppendLine(std::string& to, const Publication& publication) {
  const auto& [subject, body, reply, headers] = publication;
  const std::size_t before = to.size();
  to.resize(before + subject.size() + reply.size() + kBytesBesideSubjects);
  char* at = Put(to.data() + before, headers.empty() ? "PUB " : "HPUB ");
  at = Put(Put(at, subject), " ");
  if (!reply.empty()) at = Put(Put(at, reply), " ");
  if (!headers.empty()) at = Put(Put(at, headers.size()), " ");
  at = Put(Put(at, headers.size() + body.size()), kLineEnd);
  to.resize(static_cast<std::size_t>(at - to.data()));
}

void AppendFrame(std::string& to, const Publication& publication) {
  AppendLine(to, publication);
  if (!publication.headers.empty()) to.append(publication.headers);
  to.append(publication.body).append(kLineEnd);
}

}  // namespace

absl::Status SendQueue::Add(std::span<const Publication> publications) {
  const auto unfit = std::ranges::find_if_not(publications, IsFit);
  if (unfit != publications.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("publish to ", Quoted(unfit->subject), ": invalid subject; check the subject"));
  }
  MutexLock lock(mutex_);
  for (const Publication& each : publications) AppendFrame(queue_, each);
  queued_.store(true);
  return absl::OkStatus();
}

void SendQueue::AddLine(std::string_view line) {
  MutexLock lock(mutex_);
  queue_.append(line);
  queued_.store(true);
}

std::uint64_t SendQueue::AddPing(PingOwner owner) {
  MutexLock lock(mutex_);
  queue_.append(kPing);
  queued_.store(true);
  pings_.push_back(owner);
  return owner == PingOwner::kLoop ? ++loop_pings_ : 0;
}

std::optional<SendQueue::PingOwner> SendQueue::TakePing() {
  MutexLock lock(mutex_);
  if (pings_.empty()) return std::nullopt;
  const PingOwner owner = pings_.front();
  pings_.pop_front();
  return owner;
}

void SendQueue::TakeQueued() {
  sending_.clear();
  sent_ = 0;
  if (sending_.capacity() > kKeptBytes) sending_.shrink_to_fit();
  MutexLock lock(mutex_);
  sending_.swap(queue_);
  queued_.store(!sending_.empty());
}

bool SendQueue::Write(ByteStream& stream) {
  if (sent_ == sending_.size()) TakeQueued();
  while (sent_ < sending_.size()) {
    const ByteStream::Progress progress = stream.Write(std::string_view(sending_).substr(sent_));
    sent_ = progress.ended ? sending_.size() : sent_ + progress.bytes;
    if (!progress.ended && sent_ < sending_.size()) return false;
  }
  MutexLock lock(mutex_);
  queued_.store(!queue_.empty());
  return true;
}

}  // namespace penstock::eventbus::jetstream
