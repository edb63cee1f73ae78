// SPDX-License-Identifier: Apache-2.0
#include "chaos/checker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace penstock::chaos {
namespace {

// One key's events; index 0 stands for "before the first".
struct Key {
  std::vector<bool> attempted{true};
  std::vector<bool> acked{true};
  std::vector<bool> ended{true};                       // handled or dead-lettered
  std::vector<std::uint64_t> sequence{0};              // where it is stored
  std::vector<std::pair<Record, std::size_t>> work{};  // starts and ends, with the index of the consumer's life
};

void Grow(Key& key, std::uint32_t n) {
  if (n < key.attempted.size()) return;
  key.attempted.resize(n + 1);
  key.acked.resize(n + 1);
  key.ended.resize(n + 1);
  key.sequence.resize(n + 1);
}

class Examination {
 public:
  explicit Examination(const History& history) : history_(history) {
    for (const ConsumerLife& life : history.consumers) {
      if (life.killed_ns) crashes_.emplace(GoneBy(life), Crash{.window = life.window});
    }
    findings_.consumer_crashes = crashes_.size();
  }

  Findings Run() {
    for (const Record& record : history_.published) Publish(record);
    for (std::size_t life = 0; life < history_.consumers.size(); ++life) {
      for (const Record& record : history_.consumers[life].records) Consume(record, life);
    }
    DeadLetters();
    for (auto& [number, key] : keys_) {
      CountLost(key);
      FollowWork(key);
    }
    CountRepetitions();
    return findings_;
  }

 private:
  // A handler that has begun and not ended.
  struct Open {
    std::size_t life = 0;
    std::uint32_t n = 0;
  };
  // The end of a consumer's life by SIGKILL.
  struct Crash {
    std::size_t window = 0;
    std::uint64_t reruns = 0;
  };
  // What following one key's handlers in time has to remember.
  struct Follow {
    std::vector<bool> settled{};                // handled or rejected: its successor may begin
    std::vector<bool> judged{};                 // its beginning was in order, or was counted
    std::vector<std::int64_t> handled_ns{};     // last time; 0: not yet
    std::vector<std::size_t> handled_by{};      // the life that did it then
    std::map<std::size_t, std::uint32_t> last;  // the highest that each life has handled
    std::vector<Open> open{};
  };

  // It goes on writing for a moment between our look at the clock and its death.
  static std::int64_t GoneBy(const ConsumerLife& life) {
    std::int64_t gone = *life.killed_ns;
    for (const Record& record : life.records) gone = std::max(gone, record.time_ns);
    return gone;
  }

  void Publish(const Record& record) {
    Key& key = keys_[record.event.key];
    Grow(key, record.event.n);
    if (record.kind == Entry::kAttempt && !key.attempted[record.event.n]) {
      key.attempted[record.event.n] = true;
      ++findings_.published;
    }
    if (record.kind != Entry::kAcked) return;
    NoteStored(key, record);
    if (!key.acked[record.event.n]) ++findings_.acked;
    key.acked[record.event.n] = true;
  }

  void Consume(const Record& record, std::size_t life) {
    if (record.kind != Entry::kStart && record.kind != Entry::kEnd) return;
    const auto found = keys_.find(record.event.key);
    const bool known = record.result != Result::kUnexpected && found != keys_.end() &&
                       record.event.n < found->second.attempted.size() && record.event.n > 0 &&
                       found->second.attempted[record.event.n];
    if (!known) {
      if (record.kind == Entry::kStart) ++findings_.unexpected;
      return;
    }
    Key& key = found->second;
    NoteStored(key, record);
    key.work.emplace_back(record, life);
    if (record.kind != Entry::kEnd || record.result != Result::kDone || key.ended[record.event.n]) return;
    key.ended[record.event.n] = true;
    ++findings_.handled;
  }

  void NoteStored(Key& key, const Record& record) {
    std::uint64_t& sequence = key.sequence[record.event.n];
    if (sequence == 0) sequence = record.stream_sequence;
    if (record.stream_sequence != 0 && sequence != record.stream_sequence) copies_.insert(record.stream_sequence);
  }

  void DeadLetters() {
    findings_.unexpected += history_.unreadable_dead_letters;
    const std::set<EventRef> poison(history_.poison.begin(), history_.poison.end());
    for (const EventRef event : std::set<EventRef>(history_.dead_letters.begin(), history_.dead_letters.end())) {
      const auto found = keys_.find(event.key);
      if (found == keys_.end() || event.n >= found->second.attempted.size() || !found->second.attempted[event.n]) {
        ++findings_.unexpected;
        continue;
      }
      ++findings_.dead_lettered;
      if (!poison.contains(event)) ++findings_.wrongly_dead_lettered;
      found->second.ended[event.n] = true;
    }
  }

  void CountLost(const Key& key) {
    const auto size = static_cast<std::uint32_t>(key.acked.size());
    std::uint32_t first = size, last = 0;  // of those that ended
    for (std::uint32_t n = 1; n < size; ++n) {
      if (!key.ended[n]) continue;
      first = std::min(first, n);
      last = n;
    }
    for (std::uint32_t n = 1; n < size; ++n) {
      if (!key.acked[n] || key.ended[n]) continue;
      ++findings_.lost;
      ++(n < first ? findings_.lost_prefix : n > last ? findings_.lost_postfix : findings_.lost_middle);
    }
  }

  void FollowWork(Key& key) {
    std::stable_sort(key.work.begin(), key.work.end(),
                     [](const auto& a, const auto& b) { return a.first.time_ns < b.first.time_ns; });
    Follow follow;
    const std::size_t size = key.attempted.size();
    follow.settled.resize(size);
    follow.judged.resize(size);
    follow.handled_ns.resize(size);
    follow.handled_by.resize(size);
    follow.settled[0] = true;
    for (const auto& [record, life] : key.work) {
      record.kind == Entry::kStart ? Begin(follow, record, life) : End(follow, record, life);
    }
  }

  void Begin(Follow& follow, const Record& record, std::size_t life) {
    std::erase_if(follow.open, [&](const Open& open) { return KilledBefore(open.life, record.time_ns); });
    if (!follow.open.empty()) ++findings_.concurrent_handlers;
    follow.open.push_back({life, record.event.n});
    if (!follow.settled[record.event.n - 1] && !follow.judged[record.event.n]) ++findings_.order_violations;
    follow.judged[record.event.n] = true;
  }

  bool KilledBefore(std::size_t life, std::int64_t time_ns) const {
    const std::optional<std::int64_t>& killed = history_.consumers[life].killed_ns;
    return killed && *killed <= time_ns;
  }

  void End(Follow& follow, const Record& record, std::size_t life) {
    const std::uint32_t n = record.event.n;
    std::erase_if(follow.open, [&](const Open& open) { return open.life == life && open.n == n; });
    if (record.result == Result::kFailed) return;
    follow.settled[n] = true;
    if (record.result != Result::kDone) return;
    if (follow.handled_ns[n] != 0) CountRerun(follow, record, life);
    follow.handled_ns[n] = record.time_ns;
    follow.handled_by[n] = life;
    std::uint32_t& last = follow.last[life];
    last = std::max(last, n);
  }

  void CountRerun(const Follow& follow, const Record& record, std::size_t life) {
    // What another life had handled must come again in order; a first run out of turn was counted when it began.
    const auto last = follow.last.find(life);
    const bool of_other_life = follow.handled_by[record.event.n] != life;
    if (of_other_life && last != follow.last.end() && record.event.n < last->second) ++findings_.order_violations;
    auto crash = crashes_.upper_bound(record.time_ns);
    if (crash == crashes_.begin() || (--crash)->first < follow.handled_ns[record.event.n]) {
      ++findings_.reruns_without_crash;
      return;
    }
    ++findings_.reruns_after_crash;
    findings_.max_reruns_per_crash = std::max(findings_.max_reruns_per_crash, ++crash->second.reruns);
    if (crash->second.reruns > crash->second.window) ++findings_.reruns_beyond_window;
  }

  void CountRepetitions() {
    const std::uint64_t surplus = history_.stored > findings_.published ? history_.stored - findings_.published : 0;
    findings_.duplicated_in_stream = std::max<std::uint64_t>(surplus, copies_.size());
  }

  const History& history_;
  std::map<std::uint32_t, Key> keys_;
  std::map<std::int64_t, Crash> crashes_;
  std::set<std::uint64_t> copies_;  // stream sequences of events that are stored elsewhere too
  Findings findings_;
};

}  // namespace

Findings Check(const History& history) { return Examination(history).Run(); }

}  // namespace penstock::chaos
