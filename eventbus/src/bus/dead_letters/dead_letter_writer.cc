// SPDX-License-Identifier: Apache-2.0
#include "bus/dead_letters/dead_letter_writer.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/dead_letters/letter_headers.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

constexpr const char* kStore = "store a dead letter";

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

DeadLetterWriter::DeadLetterWriter(const BusOptions& options, Transport& transport, TopicStreams& streams)
    : options_(options),
      transport_(transport),
      streams_(streams),
      stream_(DeadLetterStreamName(options.base_stream_name)),
      host_(HostName()) {}

void DeadLetterWriter::Store(const InFlightMessage& item, LetterOrigin origin,
                             const std::function<void(bool stored)>& done) {
  if (!MayStore()) return done(false);
  origin.host = host_;
  OutboundMessage letter = MakeLetter(item, origin, stream_, streams_.max_letter_bytes());
  if (const absl::Status kept = CheckKeeps(item, origin, letter); !kept.ok()) {
    LogTrouble(LogLevel::kError, kStore, kept);
    {
      MutexLock lock(mutex_);
      WantLook();  // its limit may be another one by now
    }
    return done(false);
  }
  const absl::Status sent =
      transport_.Publish(std::move(letter), [this, done](const absl::StatusOr<PubAck>& ack) { OnStored(ack, done); });
  if (!sent.ok()) OnStored(sent, done);
}

absl::Status DeadLetterWriter::CheckKeeps(const InFlightMessage& item, const LetterOrigin& origin,
                                          const OutboundMessage& letter) const {
  if (!LacksBody(letter) || streams_.KeepsSettled(origin.topic)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "message %d of stream %s is too large to be kept beside its failure history, and its stream removes what is "
      "terminated: it stays where it is, and its key waits; raise max_payload of the server, and max_msg_size of "
      "stream %s where that is set",
      item.sequence, Quoted(origin.stream), Quoted(stream_)));
}

void DeadLetterWriter::OnStored(const absl::StatusOr<PubAck>& ack, const std::function<void(bool stored)>& done) {
  LogTrouble(LogLevel::kError, kStore, ack.status());
  if (ack.ok() && ack->duplicate) {
    if (!Later([this, sequence = ack->sequence, done] { done(HasLetter(sequence)); })) done(false);
    return;
  }
  bool stored = false;
  {
    MutexLock lock(mutex_);
    if (absl::IsNotFound(ack.status())) doubt_.NotFound();
    stored = ack.ok() && doubt_.Stored(ack->sequence);
  }
  done(stored);
}

// A stream that keeps nothing at the time remembers IDs all the same, until its duplicate window is over. A user that
// may not look has to believe it.
bool DeadLetterWriter::HasLetter(std::uint64_t sequence) {
  const absl::StatusOr<bool> has = transport_.HasMessage(stream_, sequence);
  const bool forgotten = has.ok() && !*has;
  LogTrouble(LogLevel::kError, "look up a dead letter",
             forgotten ? absl::FailedPreconditionError("its stream knows it and has not kept it; it is stored again "
                                                       "after the stream's duplicate_window")
                       : has.status());
  MutexLock lock(mutex_);
  return !doubt_.doubtful() && (has.ok() ? *has : absl::IsPermissionDenied(has.status()));
}

bool DeadLetterWriter::MayStore() {
  MutexLock lock(mutex_);
  if (!doubt_.doubtful()) return true;
  WantLook();
  return false;
}

void DeadLetterWriter::WantLook() {
  if (stopping_) return;
  look_wanted_ = true;
  Wake();
}

void DeadLetterWriter::Wake() {
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  work_.NotifyOne();
}

void DeadLetterWriter::Remove(std::uint64_t letter, const std::function<void(LetterRemoval removal)>& done) {
  if (!Later([this, letter, done] { done(RemoveNow(letter)); })) done(LetterRemoval::kFailed);
}

void DeadLetterWriter::LookUp(std::uint64_t letter, const std::function<void(LetterPresence presence)>& done) {
  if (!Later([this, letter, done] { done(LookUpNow(letter)); })) done(LetterPresence::kUnknown);
}

bool DeadLetterWriter::Later(std::function<void()> task) {
  MutexLock lock(mutex_);
  if (stopping_) return false;
  tasks_.push_back(std::move(task));
  Wake();
  return true;
}

void DeadLetterWriter::Run() {
  SetThreadName("ps-letters");
  while (true) {
    std::function<void()> next;
    bool look = false;
    {
      MutexLock lock(mutex_);
      while (tasks_.empty() && !look_wanted_ && !stopping_) work_.Wait(lock);
      look = std::exchange(look_wanted_, false) && !stopping_;
      if (!look && tasks_.empty()) return;
      if (!look) {
        next = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    look ? LookAtStream() : next();
  }
}

void DeadLetterWriter::LookAtStream() {
  const absl::Status looked = streams_.EnsureDeadLetters();
  LogTrouble(LogLevel::kError, "store dead letters", looked);
  if (!looked.ok()) return;
  MutexLock lock(mutex_);
  doubt_.LookedAt();
}

LetterRemoval DeadLetterWriter::RemoveNow(std::uint64_t letter) {
  const absl::Status status = transport_.DeleteMessage(stream_, letter);
  if (IsStreamMissing(status)) return IsGone() ? LetterRemoval::kRemoved : LetterRemoval::kFailed;
  const bool gone = status.ok() || absl::IsNotFound(status);
  LogTrouble(IsRefusal(status) ? LogLevel::kWarning : LogLevel::kError, "remove a dead letter",
             gone ? absl::OkStatus() : status);
  if (gone) return LetterRemoval::kRemoved;
  return IsRefusal(status) ? LetterRemoval::kRefused : LetterRemoval::kFailed;
}

LetterPresence DeadLetterWriter::LookUpNow(std::uint64_t letter) {
  const absl::StatusOr<bool> has = transport_.HasMessage(stream_, letter);
  if (!has.ok()) return NotSeen(letter);
  MutexLock lock(mutex_);
  not_seen_.erase(letter);
  return *has ? LetterPresence::kThere : LetterPresence::kGone;
}

// A server may lack the end of the stream, or the stream, until it has caught up.
LetterPresence DeadLetterWriter::NotSeen(std::uint64_t letter) {
  const absl::StatusOr<StreamContents> contents = transport_.LookAtContents(stream_);
  const bool lacks = contents.ok() ? contents->last_sequence < letter : IsStreamMissing(contents.status());
  MutexLock lock(mutex_);
  if (!lacks) return LetterPresence::kUnknown;
  const auto now = std::chrono::steady_clock::now();
  const auto since = not_seen_.try_emplace(letter, now).first;
  if (now - since->second < StreamDoubt::kPatience) return LetterPresence::kUnknown;
  not_seen_.erase(since);
  return LetterPresence::kThere;
}

bool DeadLetterWriter::IsGone() {
  MutexLock lock(mutex_);
  return doubt_.Missing(std::chrono::steady_clock::now());
}

void DeadLetterWriter::LogTrouble(LogLevel level, const char* what, const absl::Status& status) {
  {
    MutexLock lock(mutex_);
    if (status.ok()) {
      doubt_.Present();
      std::erase_if(troubles_, [what](const auto& trouble) { return trouble.first == what; });
      return;
    }
    if (!troubles_.emplace(what, status.code()).second) return;
  }
  if (options_.log) options_.log(level, absl::StrFormat("%s: %s", what, status.message()));
}

absl::StatusOr<DeadLetterWriter::OutstandingLetters> DeadLetterWriter::Outstanding(
    std::string_view topic, std::string_view consumer, std::function<void(std::uint64_t count)> begin) {
  OutstandingLetters found;
  const HeaderReader reader{
      .begin =
          [&](std::uint64_t count) {
            found.letters.clear();
            if (begin) begin(count);
          },
      .message =
          [&](const StoredMessage& letter) {
            if (letter.Header(header::kConsumer) == consumer) {
              found.letters.push_back(
                  {.key = std::string(letter.Header(header::kAggregateId).value_or(std::string_view{})),
                   .origin = OriginOf(letter)});
            }
            return true;
          }};
  auto contents = transport_.ReadHeaders(stream_, LetterSubject(stream_, topic), 1, reader);
  if (IsStreamMissing(contents.status())) return OfMissingStream(contents.status());
  if (absl::IsNotFound(contents.status())) return OutstandingLetters{};
  if (!contents.ok()) return contents.status();
  LogTrouble(LogLevel::kError, "read dead letters", absl::OkStatus());
  found.contents = *std::move(contents);
  return found;
}

bool DeadLetterWriter::StillHolds(const StreamContents& contents) {
  const absl::StatusOr<StreamContents> now = transport_.LookAtContents(stream_);
  return now.ok() && *now == contents;
}

absl::StatusOr<DeadLetterWriter::OutstandingLetters> DeadLetterWriter::OfMissingStream(const absl::Status& missing) {
  if (!IsGone()) return absl::UnavailableError(missing.message());
  const absl::Status made = streams_.EnsureDeadLetters();
  if (!made.ok()) return made;
  // It may have been there all the time.
  const absl::StatusOr<StreamContents> contents = transport_.LookAtContents(stream_);
  if (!contents.ok()) return contents.status();
  if (contents->messages > 0)
    return absl::UnavailableError("the server has dead letters after all; they are read again");
  return OutstandingLetters{};
}

void DeadLetterWriter::Stop() {
  MutexLock once(stop_mutex_);
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    work_.NotifyOne();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace penstock::eventbus
