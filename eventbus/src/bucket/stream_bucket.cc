// SPDX-License-Identifier: Apache-2.0
#include "bucket/stream_bucket.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "naming/first_error.h"
#include "naming/names.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

using Result = absl::StatusOr<std::uint64_t>;

constexpr std::chrono::hours kLongestTimeToLive(24 * 3650);

// The mark of a missing stream stays.
absl::Status WithPrefix(const std::string& what, const absl::Status& status) {
  absl::Status told = Prefixed(what, status);
  return IsStreamMissing(status) ? MarkedAsStreamMissing(std::move(told)) : told;
}

Result Told(const std::string& what, const Result& result) {
  return result.ok() ? result : Result(Prefixed(what, result.status()));
}

}  // namespace

absl::Status CheckBucketSpec(const BucketSpec& spec) {
  const absl::Status checked = FirstError(CheckBucketName(spec.name), spec.options.Validate());
  return Prefixed(absl::StrCat("open bucket ", Quoted(spec.name)), checked);
}

std::string StreamBucket::About(const char* what, std::string_view key) const {
  return absl::StrCat(what, " ", Quoted(key), " in bucket ", Quoted(spec().name));
}

absl::Status StreamBucket::CheckWrite(std::string_view key, Seconds time_to_live) const {
  if (absl::Status status = CheckBucketKey(key); !status.ok()) return status;
  if (time_to_live.count() == 0) return absl::OkStatus();
  if (time_to_live.count() < 0 || time_to_live > kLongestTimeToLive) {
    return BadField("time_to_live", absl::StrCat("is ", time_to_live.count(), " s; use 0, or 1 s to 10 years"));
  }
  if (spec().options.key_time_to_live_marker.count() > 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "keys of this bucket have no time to live of their own; create it with key_time_to_live_marker");
}

absl::StatusOr<BucketEntry> StreamBucket::ReadLast(std::string_view key, BucketReads how, const CallLimit& limit) {
  const auto message = stream_->ReadLast(BucketSubject(spec().name, key), how, limit);
  if (!message.ok()) return message.status();
  return ReadBucketEntry(spec().name, **message);
}

absl::StatusOr<BucketEntry> StreamBucket::Get(std::string_view key, const CallLimit& limit) {
  const std::string what = About("get", key);
  if (absl::Status status = CheckBucketKey(key); !status.ok()) return Prefixed(what, status);
  absl::StatusOr<BucketEntry> entry = ReadLast(key, spec().options.reads, limit);
  if (!entry.ok()) return WithPrefix(what, entry.status());
  if (entry->operation == BucketOperation::kPut) return entry;
  return absl::NotFoundError(absl::StrCat(what, ": it was deleted in revision ", entry->revision));
}

OutboundMessage StreamBucket::Write(std::string_view key, std::string_view value, Seconds time_to_live) const {
  OutboundMessage message{.subject = BucketSubject(spec().name, key), .body = std::string(value)};
  if (time_to_live.count() > 0) {
    message.reserved_headers.push_back({bucket_header::kTimeToLive, absl::StrCat(time_to_live.count(), "s")});
  }
  return message;
}

Result StreamBucket::StoreAt(OutboundMessage message, std::uint64_t expected_revision, const CallLimit& limit) {
  message.reserved_headers.push_back({bucket_header::kExpectedRevision, absl::StrCat(expected_revision)});
  return stream_->Store(std::move(message), BucketStream::Resend::kNever, limit);
}

Result StreamBucket::Put(std::string_view key, std::string_view value, const CallLimit& limit, Seconds time_to_live) {
  const std::string what = About("put", key);
  if (absl::Status status = CheckWrite(key, time_to_live); !status.ok()) return Prefixed(what, status);
  return Told(what, stream_->Store(Write(key, value, time_to_live), BucketStream::Resend::kUntilDeadline, limit));
}

Result StreamBucket::Update(std::string_view key, std::string_view value, std::uint64_t expected_revision,
                            const CallLimit& limit, Seconds time_to_live) {
  const std::string what = About("update", key);
  if (absl::Status status = CheckWrite(key, time_to_live); !status.ok()) return Prefixed(what, status);
  return Told(what, StoreAt(Write(key, value, time_to_live), expected_revision, limit));
}

// Over a deletion, the deletion's revision is expected: without one, two that create at a time could both succeed. A
// refusal proves that this attempt stored nothing, so another may follow.
Result StreamBucket::Create(std::string_view key, std::string_view value, const CallLimit& limit,
                            Seconds time_to_live) {
  const std::string what = About("create", key);
  if (absl::Status status = CheckWrite(key, time_to_live); !status.ok()) return Prefixed(what, status);
  Result expected = 0;
  while (true) {
    Result stored = StoreAt(Write(key, value, time_to_live), *expected, limit);
    if (!absl::IsAborted(stored.status())) return Told(what, stored);
    expected = ReadDeletion(key, limit);
    if (!expected.ok()) return Told(what, expected);
  }
}

// 0 when the key has no entry. Read from the leader: an old deletion would be refused again and again.
Result StreamBucket::ReadDeletion(std::string_view key, const CallLimit& limit) {
  const absl::StatusOr<BucketEntry> entry = ReadLast(key, BucketReads::kLeader, limit);
  if (absl::IsNotFound(entry.status())) return 0;
  if (!entry.ok()) return entry.status();
  if (entry->operation != BucketOperation::kPut) return entry->revision;
  return absl::AlreadyExistsError(
      absl::StrCat("it has a value, of revision ", entry->revision, "; update it, or use another key"));
}

Result StreamBucket::Delete(std::string_view key, BucketOperation operation,
                            std::optional<std::uint64_t> expected_revision, const CallLimit& limit) {
  const bool purges = operation == BucketOperation::kPurge;
  const std::string what = About(purges ? "purge" : "delete", key);
  if (absl::Status status = CheckBucketKey(key); !status.ok()) return Prefixed(what, status);
  OutboundMessage message = Write(key, "", Seconds(0));
  message.reserved_headers.push_back({bucket_header::kOperation, purges ? "PURGE" : "DEL"});
  if (purges) message.reserved_headers.push_back({bucket_header::kRollup, "sub"});
  if (expected_revision) return Told(what, StoreAt(std::move(message), *expected_revision, limit));
  return Told(what, stream_->Store(std::move(message), BucketStream::Resend::kUntilDeadline, limit));
}

absl::StatusOr<std::unique_ptr<KeyValueWatch>> StreamBucket::Watch(std::string_view pattern, BucketWatchEvents events,
                                                                   const CallLimit& limit) {
  const std::string what = About("watch", pattern);
  if (absl::Status status = CheckBucketPattern(pattern); !status.ok()) return Prefixed(what, status);
  if (!events.on_entry) return Prefixed(what, BadField("on_entry", "is empty; give a function that can be called"));
  StreamWatchEvents of_stream{
      .on_message = [bucket = spec().name, on_entry = std::move(events.on_entry)](
                        const StoredMessage& message) { on_entry(ReadBucketEntry(bucket, message)); },
      .on_up_to_date = std::move(events.on_up_to_date),
      .begins = events.begins};
  if (!of_stream.on_up_to_date) of_stream.on_up_to_date = [] {};
  auto watch = stream_->Watch(BucketSubject(spec().name, pattern), std::move(of_stream), limit);
  if (!watch.ok()) return WithPrefix(what, watch.status());
  return watch;
}

}  // namespace penstock::eventbus
