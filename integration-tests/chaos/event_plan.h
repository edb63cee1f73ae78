// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::chaos {

/// One event: the `n`th of its key, counted from 1 without gaps.
struct EventRef {
  std::uint32_t key = 0;
  std::uint32_t n = 0;

  friend bool operator==(const EventRef&, const EventRef&) = default;
  friend bool operator<(const EventRef& a, const EventRef& b) { return a.key != b.key ? a.key < b.key : a.n < b.n; }
};

/// The behaviour of a handler at one attempt of one event.
enum class Behaviour { kHandle, kSlow, kFail, kThrow, kReject };

/// All that a run publishes, in order, and what its handlers do with it: drawn from the seed alone, so that every
/// process of a run, also one that was started again, knows the same. Immutable, thus thread-safe.
class EventPlan {
 public:
  static constexpr std::uint32_t kKeys = 2000;

  /// `events` events over `kKeys` keys, the k-th key drawn in proportion to 1/k (Zipf).
  EventPlan(std::uint64_t seed, std::size_t events);

  const std::vector<EventRef>& events() const& { return events_; }
  const std::vector<EventRef>& events() const&& = delete;

  /// How many of them are poison: rejected at every attempt.
  std::size_t PoisonCount() const;

 private:
  std::uint64_t seed_;
  std::vector<EventRef> events_;
};

std::string KeyName(std::uint32_t key);

/// The same for every attempt to publish the event.
std::string EventId(std::uint64_t seed, EventRef event);

/// `chaos <key> <n> <hash>`, the hash over seed, key and number.
std::string Payload(std::uint64_t seed, EventRef event);

/// Reads what `Payload` wrote with the same seed; nothing for any other bytes.
std::optional<EventRef> ReadPayload(std::uint64_t seed, std::string_view payload);

/// `attempt` counts from 1. Of all events 1 % are slow, 1 % fail and 0.2 % throw at their first attempt, a quarter of
/// these also at the second; 0.02 % are poison.
Behaviour BehaviourAt(std::uint64_t seed, EventRef event, std::uint64_t attempt);

/// How long a slow one takes: 2 to 20 ms.
std::chrono::milliseconds SlowTime(std::uint64_t seed, EventRef event);

}  // namespace penstock::chaos
