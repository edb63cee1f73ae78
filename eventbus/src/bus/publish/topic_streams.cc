// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/topic_streams.h"

#include <algorithm>

#include "absl/strings/str_format.h"
#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::eventbus {

StreamSpec TopicStreams::SpecFor(std::string_view topic, Storage storage) const {
  const StreamLimits& limits = options_.limits;
  const bool memory = storage == Storage::kMemory;
  return {.name = StreamName(options_.base_stream_name, topic),
          .subjects = {std::string(topic)},
          .storage = storage,
          .discard = memory ? Discard::kOld : Discard::kNew,
          .max_age = memory ? limits.memory_max_age : limits.file_max_age,
          .max_bytes = memory ? limits.memory_max_bytes : limits.file_max_bytes,
          .duplicate_window = limits.duplicate_window,
          .replicas = limits.replicas};
}

absl::Status TopicStreams::Ensure(std::string_view topic, Storage storage) {
  const std::uint64_t generation = storage == Storage::kMemory ? transport_.generation() : 0;
  {
    MutexLock lock(mutex_);
    const Seen& all = storage == Storage::kMemory ? memory_seen_ : file_seen_;
    auto seen = all.find(topic);
    if (seen != all.end() && seen->second.generation == generation) return absl::OkStatus();
  }
  const StreamSpec spec = SpecFor(topic, storage);
  auto facts = transport_.EnsureStream(spec);
  if (!facts.ok()) return facts.status();
  if (auto status = Check(spec, *facts); !status.ok()) return status;
  MutexLock lock(mutex_);
  (storage == Storage::kMemory ? memory_seen_ : file_seen_)[std::string(topic)] = {generation, facts->duplicate_window};
  return absl::OkStatus();
}

std::chrono::nanoseconds TopicStreams::DuplicateWindow(std::string_view topic) const {
  MutexLock lock(mutex_);
  const auto seen = file_seen_.find(topic);
  return seen == file_seen_.end() ? std::chrono::nanoseconds{0} : seen->second.duplicate_window;
}

absl::Status TopicStreams::Check(const StreamSpec& wanted, const StreamFacts& found) {
  const std::string& subject = wanted.subjects.front();
  if (std::find(found.subjects.begin(), found.subjects.end(), subject) == found.subjects.end()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "use stream %s: it exists without the subject %s; choose another base_stream_name or add the subject",
        Quoted(wanted.name), Quoted(subject)));
  }
  if (found.storage == wanted.storage) return absl::OkStatus();
  const std::string text =
      absl::StrFormat("stream %s keeps its messages in %s storage, though this use of %s asks for %s",
                      Quoted(wanted.name), StorageName(found.storage), Quoted(subject), StorageName(wanted.storage));
  mismatches_.fetch_add(1, std::memory_order_relaxed);
  if (options_.storage_mismatch == StorageMismatch::kRefuse) {
    return absl::FailedPreconditionError(text + "; delete the stream or use another topic");
  }
  if (options_.log) options_.log(LogLevel::kWarning, text + "; it is used as it is");
  return absl::OkStatus();
}

absl::Status TopicStreams::EnsureDeadLetters() {
  const std::string name = DeadLetterStreamName(options_.base_stream_name);
  const auto facts = transport_.EnsureStream({.name = name,
                                              .subjects = {name + ".>"},
                                              .storage = Storage::kFile,
                                              .discard = Discard::kNew,
                                              .duplicate_window = options_.limits.duplicate_window,
                                              .replicas = options_.limits.replicas});
  return facts.status();
}

}  // namespace penstock::eventbus
