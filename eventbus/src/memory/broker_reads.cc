// SPDX-License-Identifier: Apache-2.0
// What is asked of a broker's streams outside of any delivery.
#include <algorithm>
#include <utility>

#include "memory/broker.h"
#include "memory/broker_consumer.h"
#include "naming/subject.h"

namespace penstock::eventbus::memory {

std::optional<StreamFacts> Broker::FindStream(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = streams_.find(name);
  if (found == streams_.end()) return std::nullopt;
  StreamFacts facts = FactsOf(found->second->log.spec());
  facts.consumers = found->second->consumers.size();
  return facts;
}

std::vector<std::string> Broker::ListStreams(std::string_view pattern) const {
  std::vector<std::string> names;
  MutexLock lock(mutex_);
  for (const auto& [name, stream] : streams_) {
    const auto overlaps = [pattern](const std::string& subject) { return SubjectsOverlap(pattern, subject); };
    if (std::ranges::any_of(stream->log.spec().subjects, overlaps)) names.push_back(name);
  }
  return names;
}

std::shared_ptr<const Record> Broker::Read(std::string_view stream, std::string_view filter,
                                           std::uint64_t from_sequence) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return nullptr;
  found->second->log.Expire(std::chrono::steady_clock::now());
  return found->second->log.NextAfter(filter, from_sequence == 0 ? 0 : from_sequence - 1);
}

std::vector<std::shared_ptr<const Record>> Broker::ReadAll(std::string_view stream, std::string_view filter,
                                                           std::uint64_t from_sequence) {
  std::vector<std::shared_ptr<const Record>> records;
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return records;
  MemoryStream& log = found->second->log;
  log.Expire(std::chrono::steady_clock::now());
  std::uint64_t after = from_sequence == 0 ? 0 : from_sequence - 1;
  while (std::shared_ptr<const Record> next = log.NextAfter(filter, after)) {
    after = next->sequence;
    records.push_back(std::move(next));
  }
  return records;
}

std::optional<StreamContents> Broker::Contents(std::string_view stream) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return std::nullopt;
  MemoryStream& log = found->second->log;
  log.Expire(std::chrono::steady_clock::now());
  return StreamContents{.created = "", .last_sequence = log.last_sequence(), .messages = log.CountAfter(">", 0)};
}

std::shared_ptr<const Record> Broker::ReadLast(std::string_view stream, std::string_view subject) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return nullptr;
  found->second->log.Expire(std::chrono::steady_clock::now());
  return found->second->log.FindLast(subject);
}

std::vector<std::shared_ptr<const Record>> Broker::ReadLastOfEach(std::string_view stream, std::string_view filter) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return {};
  found->second->log.Expire(std::chrono::steady_clock::now());
  return found->second->log.LastOfEach(filter);
}

std::optional<StreamSpec> Broker::FindSpec(std::string_view stream) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return std::nullopt;
  return found->second->log.spec();
}

bool Broker::Delete(std::string_view stream, std::uint64_t sequence) {
  MutexLock lock(mutex_);
  const auto found = streams_.find(stream);
  return found != streams_.end() && found->second->log.Delete(sequence);
}

}  // namespace penstock::eventbus::memory
