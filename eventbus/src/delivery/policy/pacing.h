// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "delivery/in_flight_message.h"
#include "penstock/eventbus/options.h"

namespace penstock::eventbus {

/// A token bucket that is asked for one token at a time and never refuses: it tells from when on the token is there.
class TokenBucket {
 public:
  explicit TokenBucket(const RateLimit& limit)
      : interval_(std::chrono::duration_cast<std::chrono::nanoseconds>(
            std::chrono::duration<double>(limit.per_second > 0 ? 1.0 / limit.per_second : 0.0))),
        saved_(interval_ * static_cast<std::int64_t>(limit.burst - 1)) {}

  /// When a token can be taken: `now`, or later.
  TimePoint Next(TimePoint now) const { return std::max(now, next_ - saved_); }
  /// Takes a token at `now`, or at the time that is returned.
  TimePoint Take(TimePoint now) {
    const TimePoint at = Next(now);
    next_ = std::max(next_, at) + interval_;
    return at;
  }
  /// All tokens are there again.
  bool full(TimePoint now) const { return next_ <= now; }

 private:
  std::chrono::nanoseconds interval_;
  std::chrono::nanoseconds saved_;  // what a full bucket is ahead
  TimePoint next_{};                // when the next token is made, without what was saved
};

/// When a message may begin so that neither its subscription nor its key runs faster than it may. Thread-confined to
/// its state machine.
class Pacing {
 public:
  Pacing(const RateLimit& all, const RateLimit& key) : all_limit_(all), key_limit_(key), all_(all) {}

  bool enabled() const { return all_limit_.per_second > 0 || key_limit_.per_second > 0; }

  /// The message takes its place at the time that is returned: `now`, or later.
  TimePoint Take(const InFlightMessage& item, TimePoint now) { return std::max(TakeOfKey(item, now), TakeOfAll(now)); }
  /// The same with the limit of each key alone, and with that of all.
  TimePoint TakeOfKey(const InFlightMessage& item, TimePoint now) {
    return key_limit_.per_second > 0 && item.keyed() ? OfKey(item.key_hash, now).Take(now) : now;
  }
  TimePoint TakeOfAll(TimePoint now) { return all_limit_.per_second > 0 ? all_.Take(now) : now; }
  /// When `TakeOfAll` finds a place: `now`, or later.
  TimePoint NextOfAll(TimePoint now) const { return all_limit_.per_second > 0 ? all_.Next(now) : now; }

  std::size_t keys() const { return keys_.size(); }

 private:
  TokenBucket& OfKey(std::uint64_t hash, TimePoint now) {
    if (keys_.size() >= next_sweep_) {
      absl::erase_if(keys_, [now](const auto& entry) { return entry.second.full(now); });
      next_sweep_ = std::max<std::size_t>(kSweepFrom, 2 * keys_.size());
    }
    return keys_.try_emplace(hash, key_limit_).first->second;
  }

  static constexpr std::size_t kSweepFrom = 1024;

  const RateLimit all_limit_;
  const RateLimit key_limit_;
  TokenBucket all_;
  absl::flat_hash_map<std::uint64_t, TokenBucket> keys_;  // by key hash; full ones are dropped
  std::size_t next_sweep_ = kSweepFrom;
};

}  // namespace penstock::eventbus
