// SPDX-License-Identifier: Apache-2.0
#include "bus/follow/topic_follower.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "naming/pattern.h"
#include "naming/subject.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "penstock/eventbus/event_bus.h"
#include "transport/refusal.h"

namespace penstock::eventbus {

void TopicFollower::Stop() {
  StopLooking();
  std::thread thread;
  {
    MutexLock lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

absl::Status TopicFollower::Add(PatternSpec spec, bool wait) {
  const auto pattern = std::make_shared<Pattern>(std::move(spec));
  absl::Status status = Look(*pattern);
  if (status.ok()) {
    MutexLock lock(mutex_);
    if (!stopping_) {
      patterns_.emplace(pattern->spec.id, pattern);
      changed_.NotifyAll();
      if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
      return status;
    }
    status = absl::FailedPreconditionError(
        absl::StrCat("subscribe to ", Quoted(pattern->spec.pattern), ": the bus is draining or closed"));
  }
  End(*pattern, wait);
  return status;
}

bool TopicFollower::Remove(std::uint64_t id, bool wait) {
  Shared pattern;
  {
    MutexLock lock(mutex_);
    const auto found = patterns_.find(id);
    if (found == patterns_.end()) return false;
    pattern = std::move(found->second);
    patterns_.erase(found);
  }
  End(*pattern, wait);
  return true;
}

void TopicFollower::StopLooking() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
}

bool TopicFollower::stopping() const {
  MutexLock lock(mutex_);
  return stopping_;
}

bool TopicFollower::TakeTurn(Pattern& pattern) {
  MutexLock lock(pattern.mutex);
  while (pattern.turn != std::thread::id()) pattern.turn_over.Wait(lock);
  if (pattern.over) return false;
  pattern.turn = std::this_thread::get_id();
  return true;
}

void TopicFollower::EndTurn(Pattern& pattern) {
  bool closes = false;
  {
    MutexLock lock(pattern.mutex);
    closes = pattern.ended_in_turn;
    pattern.turn = std::thread::id();
    pattern.turn_over.NotifyAll();
  }
  if (closes) CloseMembers(pattern, /*wait=*/false);
}

void TopicFollower::End(Pattern& pattern, bool wait) {
  {
    MutexLock lock(pattern.mutex);
    pattern.over = true;
    const bool busy = pattern.turn != std::thread::id();
    pattern.ended_in_turn = busy && (!wait || pattern.turn == std::this_thread::get_id());
    if (pattern.ended_in_turn) return;
    while (pattern.turn != std::thread::id()) pattern.turn_over.Wait(lock);
  }
  CloseMembers(pattern, wait);
}

bool TopicFollower::IsOver(Pattern& pattern) {
  MutexLock lock(pattern.mutex);
  return pattern.over;
}

void TopicFollower::CloseMembers(Pattern& pattern, bool wait) {
  for (const std::uint64_t member : pattern.topics.members()) pattern.spec.close(member, wait);
}

absl::Status TopicFollower::Look(Pattern& pattern) {
  if (!TakeTurn(pattern)) return absl::OkStatus();
  absl::Status looked = LookInTurn(pattern);
  EndTurn(pattern);
  return looked;
}

absl::Status TopicFollower::LookInTurn(Pattern& pattern) {
  const absl::StatusOr<std::set<std::string>> topics = TopicsOf(pattern.spec.pattern);
  if (!topics.ok()) return topics.status();
  const FollowedTopics::Changes changes = pattern.topics.Saw(*topics, std::chrono::steady_clock::now());
  for (const std::uint64_t member : changes.to_close) pattern.spec.close(member, /*wait=*/false);
  NoteBeyond(pattern, changes.beyond);
  for (const FollowedTopics::ToOpen& each : changes.to_open) {
    if (stopping() || IsOver(pattern)) break;
    if (absl::Status opened = Open(pattern, each); !opened.ok()) return opened;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> TopicFollower::TopicsOf(const std::string& pattern) {
  const absl::StatusOr<std::vector<std::string>> streams = transport_.ListStreams(pattern);
  if (!streams.ok()) return streams.status();
  std::set<std::string> topics;
  for (const std::string& stream : *streams) {
    std::optional<std::string> topic = TopicOfStream(base_, stream);
    if (topic && SubjectMatches(pattern, *topic)) topics.insert(*std::move(topic));
  }
  return topics;
}

// What one topic's stream is refused for is no reason to leave out the others. Anything else ends the subscribe call;
// later it is tried again.
absl::Status TopicFollower::Open(Pattern& pattern, const FollowedTopics::ToOpen& what) {
  const absl::StatusOr<std::uint64_t> member = TryOpen(pattern.spec, what);
  if (member.ok()) {
    pattern.topics.Opened(what.topic, *member);
    return absl::OkStatus();
  }
  pattern.topics.NotOpened(what.topic, std::chrono::steady_clock::now());
  if (absl::IsNotFound(member.status()) || stopping()) return absl::OkStatus();  // its stream has just gone
  if (absl::IsFailedPrecondition(member.status())) {
    PassOver(pattern, what.topic, member.status());
    return absl::OkStatus();
  }
  if (what.begins == Beginning::kFirst) PassOver(pattern, what.topic, member.status());
  return member.status();
}

absl::StatusOr<std::uint64_t> TopicFollower::TryOpen(const PatternSpec& spec, const FollowedTopics::ToOpen& what) {
  const std::string name = StreamName(base_, what.topic);
  const absl::StatusOr<StreamFacts> stream = transport_.FindStream(name);
  if (!stream.ok()) return stream.status();
  const auto takes = [&what](const std::string& subject) { return SubjectMatches(subject, what.topic); };
  if (std::ranges::none_of(stream->subjects, takes)) {
    return absl::NotFoundError("it is the stream of another base_stream_name");
  }
  if (stream->storage == spec.storage) return spec.open(what.topic, what.begins);
  const bool of_envelopes = stream->storage == Storage::kFile;
  return absl::FailedPreconditionError(absl::StrCat(
      "stream ", Quoted(name), " has ", of_envelopes ? "file" : "memory", " storage, which is for ",
      of_envelopes ? "envelopes" : "plain messages", "; subscribe to the topic itself to receive them all the same"));
}

void TopicFollower::PassOver(Pattern& pattern, const std::string& topic, const absl::Status& why) {
  if (!pattern.told.emplace(topic, why.code()).second || !log_) return;
  log_(LogLevel::kWarning, absl::StrCat("pattern ", Quoted(pattern.spec.pattern), ": topic ", Quoted(topic),
                                        " is passed over: ", why.message()));
}

void TopicFollower::NoteBeyond(Pattern& pattern, std::size_t beyond) {
  const bool was_crowded = std::exchange(pattern.crowded, beyond > 0);
  if (beyond == 0 || was_crowded || !log_) return;
  log_(LogLevel::kError,
       absl::StrCat("pattern ", Quoted(pattern.spec.pattern), " takes more than ", FollowedTopics::kMost, " topics, ",
                    beyond, " of which are not followed; use narrower patterns, or fewer topics and keys"));
}

std::map<std::uint64_t, TopicFollower::Shared> TopicFollower::AwaitLook() {
  const auto next = std::chrono::steady_clock::now() + transport_.list_interval();
  MutexLock lock(mutex_);
  while (!stopping_ && patterns_.empty()) changed_.Wait(lock);
  while (!stopping_ && changed_.WaitUntil(lock, next)) {
  }
  return patterns_;
}

// A look that fails is repeated by the next one.
void TopicFollower::Run() {
  SetThreadName("ps-topics");
  while (!stopping()) {
    for (const auto& [id, pattern] : AwaitLook()) {
      if (stopping()) return;
      const bool ended = pattern->spec.ended && pattern->spec.ended();
      ended ? static_cast<void>(Remove(id, /*wait=*/false)) : Look(*pattern).IgnoreError();
    }
  }
}

}  // namespace penstock::eventbus
