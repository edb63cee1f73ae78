// SPDX-License-Identifier: Apache-2.0
#include "streams/stream_set.h"

#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/deadline.h"
#include "pool_core.h"

namespace penstock::actorpool {
namespace {

/// An ID as errors and log lines show it: its beginning, control characters escaped.
std::string Quoted(std::string_view id) {
  constexpr std::size_t kShown = 128;
  return absl::StrCat("\"", absl::CHexEscape(std::string(id.substr(0, kShown))), id.size() > kShown ? "\"..." : "\"");
}

void AddTo(StreamStats& total, const StreamStats& stream) {
  total.accepted += stream.accepted;
  total.succeeded += stream.succeeded;
  total.failed += stream.failed;
  total.dropped += stream.dropped;
  total.refused += stream.refused;
  total.restarts += stream.restarts;
  total.suspensions += stream.suspensions;
  total.near_full_rises += stream.near_full_rises;
  total.queued += stream.queued;
  total.near_full += stream.near_full;
  total.running += stream.running;
}

}  // namespace

StreamSet::StreamSet(ActorPool& pool, StreamRegistryOptions options)
    : pool_(*pool.core_),
      scheduler_(pool_.scheduler()),
      options_(std::move(options)),
      restart_log_(absl::StrCat("registry \"", options_.name, "\""), options_.log) {}

absl::Status StreamSet::Attach() {
  if (pool_.Attach(shared_from_this())) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("create stream registry \"", options_.name,
                                                    "\": its pool is draining or stopped; create it before that"));
}

void StreamSet::Detach() { pool_.Detach(*this); }

std::string StreamSet::Failing(std::string_view operation, std::string_view id) const {
  return absl::StrCat(std::string(operation), " stream ", Quoted(id), " of registry \"", options_.name, "\": ");
}

absl::Status StreamSet::CheckId(std::string_view operation, std::string_view id) const {
  if (!id.empty() && id.size() <= kMaxStreamIdBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(Failing(operation, id), "the stream ID has ", id.size(), " bytes; use 1 to ", kMaxStreamIdBytes));
}

absl::Status StreamSet::UnknownStream(std::string_view operation, std::string_view id) const {
  if (closed_.load(std::memory_order_relaxed)) return ClosedError(operation, id);
  return absl::NotFoundError(absl::StrCat(Failing(operation, id), "it is not registered; register it first"));
}

absl::Status StreamSet::ClosedError(std::string_view operation, std::string_view id) const {
  return absl::FailedPreconditionError(absl::StrCat(Failing(operation, id),
                                                    "the registry or its pool is draining or stopped; ",
                                                    std::string(operation), " before that"));
}

absl::Status StreamSet::NoCallback(std::string_view id) const {
  return absl::InvalidArgumentError(
      absl::StrCat(Failing("register", id), "the callback is empty; pass one that handles its messages"));
}

absl::Status StreamSet::Register(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox,
                                 const StreamOptions& options) {
  if (absl::Status status = CheckId("register", id); !status.ok()) return status;
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  MutexLock lock(mutex_);
  if (closed_.load(std::memory_order_relaxed)) return ClosedError("register", id);
  if (table_.Find(id) != nullptr) {
    return absl::AlreadyExistsError(
        absl::StrCat(Failing("register", id), "it is registered already; unregister it first, or use another ID"));
  }
  Add(id, std::move(inbox), options);
  return absl::OkStatus();
}

void StreamSet::Add(std::string_view id, std::unique_ptr<internal::StreamInbox> inbox, const StreamOptions& options) {
  const auto former = ending_.find(id);
  const bool held = former != ending_.end();
  auto stream = std::make_shared<Stream>(std::string(id), std::move(inbox), options, shared_from_this(),
                                         held ? Stream::Start::kHeld : Stream::Start::kAtOnce);
  if (held) living_[former->second].successor = stream;
  living_[stream.get()].stream = stream;
  ++registered_;
  table_.Insert(std::move(stream));
}

absl::Status StreamSet::Unregister(std::string_view id, Pending pending, std::chrono::milliseconds timeout) {
  if (absl::Status status = CheckId("unregister", id); !status.ok()) return status;
  const std::shared_ptr<Stream> stream = BeginEnding(id);
  if (stream == nullptr) return UnknownStream("unregister", id);
  stream->Close(pending);
  if (timeout.count() <= 0 || pool_.IsPoolThread() || AwaitEnd(*stream, DeadlineAfter(timeout))) {
    return absl::OkStatus();
  }
  return absl::DeadlineExceededError(absl::StrCat(Failing("unregister", id), "it has not ended after ", timeout.count(),
                                                  "ms; it ends by itself, wait longer"));
}

std::shared_ptr<Stream> StreamSet::BeginEnding(std::string_view id) {
  MutexLock lock(mutex_);
  std::shared_ptr<Stream> stream = table_.Remove(id);
  if (stream == nullptr) return nullptr;
  --registered_;
  // The key is the stream's own copy of the ID, which lives as long as the entry. A former stream's would not.
  ending_.erase(id);
  ending_.emplace(stream->id(), stream.get());
  return stream;
}

bool StreamSet::AwaitEnd(const Stream& stream, TimePoint deadline) {
  MutexLock lock(mutex_);
  while (living_.contains(&stream)) {
    if (!ended_.WaitUntil(lock, deadline)) return !living_.contains(&stream);
  }
  return true;
}

absl::Status StreamSet::Dispatch(std::string_view id, void* message, std::chrono::milliseconds timeout) {
  if (absl::Status status = CheckId("dispatch to", id); !status.ok()) return status;
  const std::shared_ptr<Stream> stream = table_.Find(id);
  if (timeout.count() > 0 && pool_.IsPoolThread()) timeout = {};
  const Admission admission = stream == nullptr ? Admission::kClosed : stream->Accept(message, timeout);
  if (admission == Admission::kAccepted) return absl::OkStatus();
  if (admission == Admission::kFull) {
    return absl::ResourceExhaustedError(
        absl::StrCat(Failing("dispatch to", id),
                     "its queue is full; wait with a timeout, raise capacity, or make its callback faster"));
  }
  absl::Status unknown = UnknownStream("dispatch to", id);
  if (absl::IsNotFound(unknown)) unknown_.Add(1);
  return unknown;
}

void StreamSet::Close() {
  std::vector<std::shared_ptr<Stream>> registered;
  {
    MutexLock lock(mutex_);
    closed_.store(true, std::memory_order_relaxed);
    registered_ = 0;
    for (const auto& [stream, living] : living_) {
      // Of several streams of one ID the last is the one that is registered.
      if (auto removed = table_.Remove(stream->id())) registered.push_back(std::move(removed));
    }
  }
  for (const auto& stream : registered) stream->Close(Pending::kFinish);
}

bool StreamSet::AwaitEnded(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (!living_.empty()) {
    if (!ended_.WaitUntil(lock, deadline)) return living_.empty();
  }
  return true;
}

void StreamSet::OnEnded(const std::shared_ptr<Stream>& stream) {
  std::shared_ptr<Stream> ended = stream;
  while (ended != nullptr) {
    std::shared_ptr<Stream> successor = Remove(*ended);
    ended = successor != nullptr && successor->Release() ? std::move(successor) : nullptr;
  }
}

std::shared_ptr<Stream> StreamSet::Remove(const Stream& stream) {
  MutexLock lock(mutex_);
  AddTo(ended_total_, stream.Stats());
  if (const auto last = ending_.find(stream.id()); last != ending_.end() && last->second == &stream) {
    ending_.erase(last);
  }
  auto entry = living_.extract(&stream);
  ended_.NotifyAll();
  return std::move(entry.mapped().successor);
}

void StreamSet::DropPending() {
  for (const auto& stream : LivingStreams()) stream->Close(Pending::kDrop);
}

std::vector<std::shared_ptr<Stream>> StreamSet::LivingStreams() const {
  MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Stream>> streams;
  for (const auto& [key, living] : living_) streams.push_back(living.stream);
  return streams;
}

std::uint64_t StreamSet::Abandon() {
  const std::uint64_t before = Stats().total.dropped;
  Close();
  DropPending();
  return Stats().total.dropped - before;
}

absl::StatusOr<StreamDrainReport> StreamSet::Drain(std::chrono::milliseconds timeout) {
  if (pool_.IsPoolThread()) {
    return absl::FailedPreconditionError(
        absl::StrCat("drain stream registry \"", options_.name,
                     "\": called from one of its pool's workers; drain from a thread outside the pool"));
  }
  const StreamStats before = Stats().total;
  Close();
  if (!AwaitEnded(DeadlineAfter(timeout))) DropPending();
  const StreamStats after = Stats().total;
  return StreamDrainReport{.finished = after.succeeded + after.failed - before.succeeded - before.failed,
                           .dropped = after.dropped - before.dropped,
                           .running = after.running};
}

void StreamSet::Stop() {
  if (!pool_.IsPoolThread()) {
    Close();
    DropPending();
    AwaitEnded(TimePoint::max());
  } else if (options_.log) {
    options_.log(LogLevel::kError,
                 absl::StrCat("stop stream registry \"", options_.name,
                              "\": called from one of its pool's workers; stop from a thread outside the pool"));
  }
}

void StreamSet::OnNearFull(const std::string& id, std::uint64_t queued, std::uint64_t capacity) {
  if (!options_.log) return;
  const std::optional<std::string> suppressed = near_full_log_.Admit(Clock::now());
  if (!suppressed.has_value()) return;
  options_.log(LogLevel::kWarning,
               absl::StrCat("stream ", Quoted(id), " of registry \"", options_.name, "\": its queue is nearly full, ",
                            queued, " of ", capacity, " messages; dispatch less or raise capacity", *suppressed));
}

void StreamSet::OnThrow(const std::string& id, const absl::Status& error, const RestartDecision& decision,
                        TimePoint now) {
  if (!options_.log) return;
  restart_log_.LogThrow(absl::StrCat("stream ", Quoted(id)), std::string(error.message()), decision, now);
}

StreamRegistryStats StreamSet::Stats() const {
  MutexLock lock(mutex_);
  StreamRegistryStats stats = {.name = options_.name,
                               .streams = registered_,
                               .ending = living_.size() - registered_,
                               .unknown = unknown_.value(),
                               .total = ended_total_};
  for (const auto& [key, living] : living_) AddTo(stats.total, living.stream->Stats());
  return stats;
}

absl::StatusOr<StreamStats> StreamSet::StatsOf(std::string_view id) const {
  if (absl::Status status = CheckId("read stats of", id); !status.ok()) return status;
  const std::shared_ptr<Stream> stream = table_.Find(id);
  if (stream == nullptr) return UnknownStream("read stats of", id);
  return stream->Stats();
}

}  // namespace penstock::actorpool
