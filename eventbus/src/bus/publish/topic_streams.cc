// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/topic_streams.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "naming/names.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/refusal.h"

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
          .replicas = limits.replicas,
          .forgotten_when_unused = true};
}

// A publish goes on to a stream that may have been made anew when it cannot be looked at now: it is sent again until it
// was stored.
absl::StatusOr<std::size_t> TopicStreams::Ensure(std::string_view topic, Storage storage, StreamAccess access) {
  const bool memory = storage == Storage::kMemory;
  const std::uint64_t generation = memory ? transport_.generation() : 0;
  Found before;
  {
    MutexLock lock(mutex_);
    const Seen& all = memory ? memory_seen_ : file_seen_;
    if (const auto seen = all.find(topic); seen != all.end()) before = seen->second;
  }
  const bool known = before.publishable && before.generation == generation;
  const bool publishes = access == StreamAccess::kPublish;
  if (publishes && known && !before.doubtful) return Smaller(before.max_message_bytes);
  StreamNeed need{.use = memory ? StreamUse::kPlainTopic : StreamUse::kEnvelopeTopic,
                  .access = access,
                  .wanted = SpecFor(topic, storage)};
  auto facts = Look(need);
  const bool mute = absl::IsUnavailable(facts.status()) || absl::IsDeadlineExceeded(facts.status());
  if (publishes && known && mute) return Smaller(before.max_message_bytes);
  if (publishes && IsUnseen(facts.status())) {
    NoteUnseen(need.wanted.name, facts.status());
    facts = StreamFacts{};
  }
  if (!facts.ok()) return facts.status();
  need.access = StreamAccess::kPublish;
  const bool publishable = publishes || HasNoNews(*facts, std::move(need));
  MutexLock lock(mutex_);
  Found& seen = (memory ? memory_seen_ : file_seen_)[std::string(topic)];
  const bool stands = seen.publishable && !seen.doubtful && seen.generation == generation;
  seen.publishable = publishable || stands;
  seen.doubtful = false;
  seen.generation = generation;
  seen.duplicate_window = facts->duplicate_window;
  seen.keeps_settled = facts->retention == Retention::kLimits;
  seen.max_message_bytes = facts->max_message_bytes;
  return Smaller(seen.max_message_bytes);
}

void TopicStreams::NoteUnseen(const std::string& stream, const absl::Status& why) {
  CountNews(absl::StrFormat("stream %s is published to without a look at it: %s; allow that, or see to it that the "
                            "stream is there and fits",
                            Quoted(stream), why.message()),
            warnings_);
}

std::size_t TopicStreams::Smaller(std::int64_t stream_limit) const {
  const std::size_t payload = transport_.max_payload_bytes();
  return stream_limit <= 0 ? payload : std::min(static_cast<std::size_t>(stream_limit), payload);
}

void TopicStreams::LookAgain(std::string_view topic) {
  MutexLock lock(mutex_);
  for (Seen* all : {&memory_seen_, &file_seen_}) {
    if (const auto seen = all->find(topic); seen != all->end()) seen->second.doubtful = true;
  }
}

std::chrono::nanoseconds TopicStreams::DuplicateWindow(std::string_view topic) const {
  MutexLock lock(mutex_);
  const auto seen = file_seen_.find(topic);
  return seen == file_seen_.end() ? std::chrono::nanoseconds{0} : seen->second.duplicate_window;
}

bool TopicStreams::KeepsSettled(std::string_view topic) const {
  MutexLock lock(mutex_);
  const auto seen = file_seen_.find(topic);
  return seen == file_seen_.end() || seen->second.keeps_settled;
}

absl::Status TopicStreams::EnsureDeadLetters() {
  const std::string name = DeadLetterStreamName(options_.base_stream_name);
  const auto facts = Look({.use = StreamUse::kDeadLetters,
                           .wanted = {.name = name,
                                      .subjects = {name + ".>"},
                                      .storage = Storage::kFile,
                                      .discard = Discard::kNew,
                                      .duplicate_window = options_.limits.duplicate_window,
                                      .replicas = options_.limits.replicas}});
  if (facts.ok()) letter_limit_.store(facts->max_message_bytes, std::memory_order_relaxed);
  return facts.status();
}

StreamSpec TopicStreams::DelayedSpec() const {
  const std::string name = DelayedStreamName(options_.base_stream_name);
  return {.name = name,
          .subjects = {name + ".>"},
          .storage = Storage::kFile,
          .discard = Discard::kNew,
          .max_messages_per_subject = 1,
          .duplicate_window = options_.limits.duplicate_window,
          .replicas = options_.limits.replicas};
}

absl::StatusOr<std::size_t> TopicStreams::EnsureDelayed(StreamAccess access) {
  const bool publishes = access == StreamAccess::kPublish;
  if (!publishes || !delayed_seen_.load(std::memory_order_relaxed)) {
    StreamSpec wanted = DelayedSpec();
    const std::string name = wanted.name;
    auto facts = Look({.use = StreamUse::kDelayed, .wanted = std::move(wanted)});
    if (publishes && IsUnseen(facts.status())) {
      NoteUnseen(name, facts.status());
      facts = StreamFacts{};
    }
    if (!facts.ok()) return facts.status();
    delayed_limit_.store(facts->max_message_bytes, std::memory_order_relaxed);
    delayed_seen_.store(true, std::memory_order_relaxed);
  }
  return Smaller(delayed_limit_.load(std::memory_order_relaxed));
}

std::size_t TopicStreams::max_letter_bytes() const { return Smaller(letter_limit_.load(std::memory_order_relaxed)); }

absl::StatusOr<StreamFacts> TopicStreams::Look(StreamNeed need) {
  absl::StatusOr<StreamFacts> facts = transport_.EnsureStream(need.wanted);
  if (!facts.ok()) return facts;
  const StreamReview review = Review(*facts, std::move(need));
  Note(review);
  if (!review.status.ok()) return review.status;
  return facts;
}

StreamReview TopicStreams::Review(const StreamFacts& facts, StreamNeed need) const {
  need.publish_timeout = options_.publish_timeout;
  need.max_payload_bytes = transport_.max_payload_bytes();
  return ReviewStream(facts, need, options_.storage_mismatch);
}

// A stream of which there is nothing more to say needs no look of its own when it is used so, which would block.
bool TopicStreams::HasNoNews(const StreamFacts& facts, StreamNeed need) const {
  const StreamReview review = Review(facts, std::move(need));
  MutexLock lock(mutex_);
  bool told = review.status.ok() && (review.storage_mismatch.empty() || told_.contains(review.storage_mismatch));
  for (const std::string& text : review.warnings) told = told && told_.contains(text);
  return told;
}

void TopicStreams::Note(const StreamReview& review) {
  for (const std::string& text : review.warnings) CountNews(text, warnings_);
  if (!review.storage_mismatch.empty()) CountNews(review.storage_mismatch, mismatches_);
}

void TopicStreams::CountNews(const std::string& text, std::atomic<std::uint64_t>& counter) {
  {
    MutexLock lock(mutex_);
    if (!told_.insert(text).second) return;
  }
  counter.fetch_add(1, std::memory_order_relaxed);
  if (options_.log) options_.log(LogLevel::kWarning, text);
}

}  // namespace penstock::eventbus
