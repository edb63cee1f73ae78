// SPDX-License-Identifier: Apache-2.0
#include "bus/entries/event_entries.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "naming/names.h"
#include "naming/subject_token.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kShortestLife{100};
constexpr std::chrono::hours kLongestLife{3653 * 24};

// A bucket of this lifetime is asked for, so that 0, which means for ever there, must not get there.
absl::Status CheckLife(std::chrono::milliseconds life) {
  return Require(life >= kShortestLife && life <= kLongestLife, "time_to_live",
                 absl::StrCat("is ", life.count(), " ms; use 100 ms to 10 years"));
}

}  // namespace

std::chrono::milliseconds TimeoutUntil(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::clamp(left, std::chrono::milliseconds(1), std::chrono::milliseconds(std::chrono::hours(1)));
}

absl::StatusOr<std::unique_ptr<EventEntries>> EventEntries::Open(EventBus& bus, const Where& where) {
  if (auto status = CheckLife(where.time_to_live); !status.ok()) return Prefixed(where.field, status);
  auto bucket =
      bus.Bucket(where.bucket, {.time_to_live = where.time_to_live, .replicas = bus.options().limits.replicas});
  if (!bucket.ok()) return Prefixed(where.field, bucket.status());
  return std::make_unique<EventEntries>(
      *std::move(bucket), absl::StrCat(std::string(where.use), where.use.empty() ? "" : ".", SubjectToken(where.topic),
                                       ".", SubjectToken(where.durable), "."));
}

absl::Status EventEntries::CheckId(std::string_view event_id) {
  return CheckVisibleAscii("event_id", event_id, kMostIdBytes, Presence::kRequired);
}

absl::StatusOr<std::uint64_t> EventEntries::Put(std::string_view event_id, std::string_view value) {
  return bucket_->Put(KeyOf(event_id), value);
}

absl::StatusOr<std::uint64_t> EventEntries::Create(std::string_view event_id, std::string_view value,
                                                   std::chrono::milliseconds timeout) {
  return bucket_->Create(KeyOf(event_id), value, {.timeout = timeout});
}

absl::StatusOr<std::uint64_t> EventEntries::Update(std::string_view event_id, std::string_view value,
                                                   std::uint64_t revision, std::chrono::milliseconds timeout) {
  return bucket_->Update(KeyOf(event_id), value, revision, {.timeout = timeout});
}

absl::StatusOr<BucketEntry> EventEntries::Get(std::string_view event_id, std::chrono::milliseconds timeout) {
  return bucket_->Get(KeyOf(event_id), {.timeout = timeout});
}

absl::StatusOr<BucketEntry> EventEntries::Await(std::string_view event_id,
                                                std::chrono::steady_clock::time_point deadline,
                                                const std::function<bool(const BucketEntry& entry)>& accepts) {
  absl::StatusOr<BucketEntry> entry = Get(event_id, TimeoutUntil(deadline));
  if (entry.ok() ? accepts(*entry) : !absl::IsNotFound(entry.status())) return entry;
  Mutex mutex;
  CondVar changed;
  std::optional<BucketEntry> accepted;
  const BucketWatchEvents events{.on_entry = [&](const BucketEntry& next) {
    if (next.operation != BucketOperation::kPut || !accepts(next)) return;
    MutexLock lock(mutex);
    accepted = next;
    changed.NotifyAll();
  }};
  const auto watch = bucket_->Watch(KeyOf(event_id), events, {.timeout = TimeoutUntil(deadline)});
  if (!watch.ok()) return watch.status();
  {
    MutexLock lock(mutex);
    while (!accepted && changed.WaitUntil(lock, deadline)) {
    }
  }
  (*watch)->Stop();
  MutexLock lock(mutex);
  if (accepted) return *accepted;
  return absl::DeadlineExceededError("");
}

absl::StatusOr<OutboundMessage> EventEntries::PutMessage(std::string_view event_id, std::string value) const {
  const std::string key = KeyOf(event_id);
  if (auto status = CheckBucketKey(key); !status.ok()) return Prefixed(absl::StrCat("put ", Quoted(key)), status);
  return OutboundMessage{
      .subject = BucketSubject(bucket_->name(), key), .body = std::move(value), .message_id = NewEventId()};
}

absl::StatusOr<std::unique_ptr<BucketWatch>> EventEntries::Watch(BucketWatchEvents events) {
  return bucket_->Watch(prefix_ + "*", std::move(events));
}

std::string EventEntries::EventOf(std::string_view key) const {
  return TextOfToken(key.substr(std::min(prefix_.size(), key.size())));
}

}  // namespace penstock::eventbus
