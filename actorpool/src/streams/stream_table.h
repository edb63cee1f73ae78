// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "key_hash.h"
#include "penstock/actorpool/internal/mutex.h"
#include "streams/stream.h"

namespace penstock::actorpool {

/// The registered streams by ID. It is divided by the hash of the ID, so that threads which look up different streams
/// seldom wait for each other. The hash has a seed of its own, so that IDs from outside cannot be chosen to collide.
///
/// **Thread safety:** thread-safe. **Ownership:** shares the streams.
class StreamTable {
 public:
  /// Null when there is none.
  std::shared_ptr<Stream> Find(std::string_view id) const {
    const Key key = KeyOf(id);
    const Part& part = PartOf(key);
    MutexLock lock(part.mutex);
    const auto found = part.streams.find(key);
    return found == part.streams.end() ? nullptr : found->second;
  }

  /// Its ID must not be in the table.
  void Insert(std::shared_ptr<Stream> stream) {
    const Key key = KeyOf(stream->id());
    Part& part = PartOf(key);
    MutexLock lock(part.mutex);
    part.streams.emplace(key, std::move(stream));
  }

  /// Returns what it removed; null when there was none.
  std::shared_ptr<Stream> Remove(std::string_view id) {
    const Key key = KeyOf(id);
    Part& part = PartOf(key);
    MutexLock lock(part.mutex);
    const auto found = part.streams.find(key);
    if (found == part.streams.end()) return nullptr;
    std::shared_ptr<Stream> removed = std::move(found->second);
    part.streams.erase(found);
    return removed;
  }

 private:
  static constexpr std::size_t kParts = 64;

  /// The ID is the stream's own copy.
  struct Key {
    std::string_view id{};
    std::uint64_t hash = 0;
    bool operator==(const Key& other) const { return hash == other.hash && id == other.id; }
  };
  struct HashOfKey {
    std::size_t operator()(const Key& key) const { return key.hash; }
  };
  struct alignas(64) Part {
    mutable Mutex mutex;
    std::unordered_map<Key, std::shared_ptr<Stream>, HashOfKey> streams ABSL_GUARDED_BY(mutex);
  };

  Key KeyOf(std::string_view id) const { return {.id = id, .hash = KeyHash(id, seed_)}; }
  Part& PartOf(const Key& key) { return parts_[SlotOf(key.hash, kParts)]; }
  const Part& PartOf(const Key& key) const { return parts_[SlotOf(key.hash, kParts)]; }

  const std::uint64_t seed_ = std::uint64_t{std::random_device()()} << 32 | std::random_device()();
  std::array<Part, kParts> parts_{};
};

}  // namespace penstock::actorpool
