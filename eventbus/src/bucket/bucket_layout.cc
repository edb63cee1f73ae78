// SPDX-License-Identifier: Apache-2.0
#include "bucket/bucket_layout.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "naming/characters.h"
#include "naming/names.h"

namespace penstock::eventbus {
namespace {

constexpr std::size_t kMaxKeyBytes = 1024;
constexpr std::chrono::seconds kDuplicateWindow(120);
constexpr const char* kKeyHint = "; use 1 to 1024 bytes of [-/_=.a-zA-Z0-9], without empty tokens between dots";

bool IsKeyCharacter(char c) { return IsNameCharacter(c) || c == '/' || c == '=' || c == '.'; }

bool HasEmptyToken(std::string_view key) {
  return key.front() == '.' || key.back() == '.' || key.find("..") != std::string_view::npos;
}

std::string KeyFault(std::string_view key) {
  if (key.empty()) return "is empty";
  if (key.size() > kMaxKeyBytes) return absl::StrCat("is ", key.size(), " bytes long");
  const auto bad = std::ranges::find_if_not(key, IsKeyCharacter);
  if (bad != key.end()) {
    const auto at = static_cast<std::size_t>(bad - key.begin());
    return absl::StrCat("has ", Quoted(key.substr(at, FirstCodePoint(key.substr(at)).size)), " at byte ", at);
  }
  return HasEmptyToken(key) ? "has an empty token" : "";
}

// The key that is left when its wildcards become ordinary tokens.
std::string WithoutWildcards(std::string_view pattern) {
  std::string key(pattern);
  for (std::size_t begin = 0; begin <= key.size();) {
    const std::size_t end = std::min(key.find('.', begin), key.size());
    const std::string_view token = std::string_view(key).substr(begin, end - begin);
    if (token == "*" || (token == ">" && end == key.size())) key[begin] = '_';
    begin = end + 1;
  }
  return key;
}

BucketOperation ReadOperation(const StoredMessage& message) {
  const auto operation = message.Header(bucket_header::kOperation);
  if (operation == "DEL") return BucketOperation::kDelete;
  if (operation == "PURGE") return BucketOperation::kPurge;
  const auto reason = message.Header(bucket_header::kMarkerReason);
  if (!reason) return BucketOperation::kPut;
  return reason == "Remove" ? BucketOperation::kDelete : BucketOperation::kPurge;
}

template <typename Value>
absl::Status Misfit(const BucketSpec& wanted, const char* setting, const Value& existing, const Value& asked) {
  return absl::FailedPreconditionError(absl::StrCat("open bucket ", Quoted(wanted.name), ": it exists with ", setting,
                                                    " ", existing, ", not ", asked,
                                                    "; ask for what it has, change its stream, or use another bucket"));
}

const char* NameOf(BucketStorage storage) { return storage == BucketStorage::kFile ? "file" : "memory"; }

std::string TextOf(std::chrono::milliseconds time) { return absl::StrCat(time.count(), " ms"); }

}  // namespace

std::string BucketStreamName(std::string_view bucket) { return std::string("KV_").append(bucket); }

bool IsBucketSubject(std::string_view subject) { return subject.starts_with("$KV."); }

std::string BucketSubject(std::string_view bucket, std::string_view key) {
  return std::string("$KV.").append(bucket).append(".").append(key);
}

StreamSpec BucketStreamSpec(const BucketSpec& spec) {
  const BucketOptions& options = spec.options;
  StreamSpec stream{.name = BucketStreamName(spec.name),
                    .subjects = {BucketSubject(spec.name, ">")},
                    .storage = options.storage == BucketStorage::kFile ? Storage::kFile : Storage::kMemory,
                    .discard = Discard::kNew,
                    .max_age = options.time_to_live,
                    .max_bytes = options.max_bytes,
                    .max_messages_per_subject = options.history,
                    .max_message_bytes = options.max_value_bytes,
                    .duplicate_window = kDuplicateWindow,
                    .replicas = options.replicas};
  return stream;
}

BucketEntry ReadBucketEntry(std::string_view bucket, const StoredMessage& message) {
  const std::size_t prefix = BucketSubject(bucket, "").size();
  const std::string_view subject = message.subject();
  return {.key = std::string(subject.substr(std::min(prefix, subject.size()))),
          .value = std::string(message.payload()),
          .revision = message.stream_sequence(),
          .created = message.stored_at(),
          .operation = ReadOperation(message)};
}

absl::Status CheckBucketName(std::string_view name) { return CheckName("bucket", name); }

absl::Status CheckBucketKey(std::string_view key) {
  const std::string fault = KeyFault(key);
  return fault.empty() ? absl::OkStatus() : BadField("key", fault + kKeyHint);
}

absl::Status CheckBucketPattern(std::string_view pattern) {
  const std::string fault = KeyFault(WithoutWildcards(pattern));
  if (fault.empty()) return absl::OkStatus();
  return BadField("pattern", fault + "; use a key in which * stands for one token, and > at the end for the rest");
}

absl::Status CheckBucketFits(const BucketSpec& wanted, const BucketOptions& existing) {
  const BucketOptions& asked = wanted.options;
  if (existing.history != asked.history) return Misfit(wanted, "history", existing.history, asked.history);
  if (existing.time_to_live != asked.time_to_live) {
    return Misfit(wanted, "time_to_live", TextOf(existing.time_to_live), TextOf(asked.time_to_live));
  }
  if (existing.storage != asked.storage) {
    return Misfit(wanted, "storage", NameOf(existing.storage), NameOf(asked.storage));
  }
  if (existing.replicas < asked.replicas) return Misfit(wanted, "replicas", existing.replicas, asked.replicas);
  if (existing.key_time_to_live_marker.count() == 0 && asked.key_time_to_live_marker.count() > 0) {
    return Misfit(wanted, "key_time_to_live_marker", TextOf(existing.key_time_to_live_marker),
                  TextOf(asked.key_time_to_live_marker));
  }
  return absl::OkStatus();
}

}  // namespace penstock::eventbus
