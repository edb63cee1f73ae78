// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_checker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace penstock::chaos {
namespace {

constexpr std::int64_t kGrace = 1'000'000'000;  // acknowledgements are committed, and a floor is seen, within a second

// A start or an end of a handler.
struct Step {
  Record record{};
  std::size_t life = 0;
};

struct Open {
  std::size_t life = 0;
  std::uint64_t sequence = 0;
};

// The last time that a message was handled.
struct Handled {
  std::int64_t time_ns = 0;
  std::size_t life = 0;
};

// From the first to the last message that a process handled before another one handled any.
struct Turn {
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  std::size_t life = 0;
};

struct Key {
  std::vector<Open> open{};
  std::uint64_t latest = 0;  // the highest sequence that any handler has begun
  std::map<std::size_t, std::uint64_t> latest_of_life{};
};

struct Crash {
  std::int64_t at_ns = 0;
  std::uint64_t reruns = 0;
};

class Examination {
 public:
  explicit Examination(const ClusterHistory& history) : history_(history), crashes_(history.books.consumers.size()) {}

  ClusterFindings Run() {
    findings_.basics = Check(history_.books);
    CheckStream();
    SortSteps();
    FindFloors();
    for (const Step& step : steps_) {
      if (step.record.kind == Entry::kStart) Begin(step);
      if (step.record.kind == Entry::kEnd) End(step);
    }
    return findings_;
  }

 private:
  void CheckStream() {
    std::set<EventRef> failed;
    for (const Record& record : history_.books.published) {
      if (record.kind == Entry::kFailedPublish) failed.insert(record.event);
    }
    std::set<EventRef> seen;
    std::map<std::uint32_t, std::uint32_t> latest;  // the highest number of each key
    for (const StoredEvent& stored : history_.stored) {
      if (!seen.insert(stored.event).second) {
        ++findings_.stored_twice;
        continue;
      }
      std::uint32_t& highest = latest[stored.event.key];
      if (stored.event.n < highest) {
        ++(failed.contains(stored.event) ? findings_.inversions_after_failure : findings_.publish_inversions);
      }
      highest = std::max(highest, stored.event.n);
    }
  }

  void SortSteps() {
    for (std::size_t life = 0; life < history_.books.consumers.size(); ++life) {
      for (const Record& record : history_.books.consumers[life].records) {
        const bool work = record.kind == Entry::kStart || record.kind == Entry::kEnd;
        if (work && record.result != Result::kUnexpected) steps_.push_back({record, life});
      }
    }
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const Step& a, const Step& b) { return a.record.time_ns < b.record.time_ns; });
    for (std::size_t life = 0; life < crashes_.size(); ++life) {
      if (history_.books.consumers[life].killed_ns) crashes_[life].at_ns = *history_.books.consumers[life].killed_ns;
    }
    for (const Step& step : steps_) {  // it goes on writing for a moment between our look at the clock and its death
      std::int64_t& at = crashes_[step.life].at_ns;
      if (at != 0) at = std::max(at, step.record.time_ns);
    }
  }

  // `floors_` ends up as (time, sequence): since then every message up to there has been settled.
  void FindFloors() {
    std::map<std::uint64_t, std::int64_t> settled;
    for (const auto& [record, life] : steps_) {
      const bool over = record.result == Result::kDone || record.result == Result::kRejected;
      if (record.kind == Entry::kEnd && over) settled.emplace(record.stream_sequence, record.time_ns);
    }
    std::uint64_t next = 1;
    std::int64_t since = 0;
    for (const auto& [sequence, time] : settled) {
      if (sequence != next++) return;
      since = std::max(since, time);
      floors_[since] = sequence;
    }
  }

  std::uint64_t FloorAt(std::int64_t time_ns) const {
    const auto after = floors_.upper_bound(time_ns);
    return after == floors_.begin() ? 0 : std::prev(after)->second;
  }

  void Begin(const Step& step) {
    Key& key = keys_[step.record.event.key];
    const std::uint64_t sequence = step.record.stream_sequence;
    std::erase_if(key.open, [&](const Open& open) { return GoneBefore(open.life, step.record.time_ns); });
    const bool beside_own =
        std::any_of(key.open.begin(), key.open.end(), [&](const Open& open) { return open.life == step.life; });
    const bool beside_other =
        std::any_of(key.open.begin(), key.open.end(), [&](const Open& open) { return open.life != step.life; });
    if (beside_own) Add(findings_.concurrent_in_process, step);
    if (beside_other) Add(findings_.overlaps, step);
    std::uint64_t& own = key.latest_of_life[step.life];
    const bool skipped = key.latest > sequence && !settled_.contains(sequence);
    if (skipped || own > sequence) Add(findings_.begun_after_later, step);
    key.open.push_back({step.life, sequence});
    key.latest = std::max(key.latest, sequence);
    own = std::max(own, sequence);
  }

  void End(const Step& step) {
    const std::uint64_t sequence = step.record.stream_sequence;
    std::erase_if(keys_[step.record.event.key].open,
                  [&](const Open& open) { return open.life == step.life && open.sequence == sequence; });
    if (step.record.result == Result::kFailed) return;
    settled_.insert(sequence);
    if (turns_.empty() || turns_.back().life != step.life)
      turns_.push_back({step.record.time_ns, step.record.time_ns, step.life});
    turns_.back().last_ns = step.record.time_ns;
    if (step.record.result != Result::kDone) return;
    const auto [last, first_time] = handled_.try_emplace(step.record.event, Handled{step.record.time_ns, step.life});
    if (first_time) return;
    CountRerun(step, last->second);
    last->second = {step.record.time_ns, step.life};
  }

  void CountRerun(const Step& step, const Handled& before) {
    const std::int64_t now = step.record.time_ns;
    if (const Disturbance* deletion = DeletionBetween(before.time_ns, now)) {
      ++findings_.reruns_after_deletion;
      if (step.record.stream_sequence <= FloorAt(deletion->begin_ns - kGrace)) ++findings_.reruns_below_floor;
    } else if (GoneBefore(before.life, now)) {
      ++findings_.reruns_after_crash;
      const std::size_t window = history_.books.consumers[before.life].window;
      if (++crashes_[before.life].reruns > window) ++findings_.reruns_beyond_window;
    } else if (before.life == step.life && !OthersWorkedSince(before)) {
      Add(findings_.reruns_owner_stayed, step);
    } else if (CutOff(before, now) && AtTheEndOfItsTurn(before)) {
      Add(findings_.reruns_cut_off_owner, step);
    } else {
      Add(findings_.reruns_living_owner, step);
    }
  }

  bool GoneBefore(std::size_t life, std::int64_t time_ns) const {
    return crashes_[life].at_ns != 0 && crashes_[life].at_ns <= time_ns;
  }

  bool OthersWorkedSince(const Handled& before) const {
    return std::any_of(turns_.rbegin(), turns_.rend(),
                       [&](const Turn& turn) { return turn.first_ns > before.time_ns && turn.life != before.life; });
  }

  // What it handled before that it has told the cluster.
  bool AtTheEndOfItsTurn(const Handled& before) const {
    return std::any_of(turns_.rbegin(), turns_.rend(), [&](const Turn& turn) {
      return turn.life == before.life && turn.first_ns <= before.time_ns && before.time_ns <= turn.last_ns &&
             turn.last_ns - before.time_ns <= kGrace;
    });
  }

  const Disturbance* DeletionBetween(std::int64_t from_ns, std::int64_t to_ns) const {
    for (const Disturbance& one : history_.disturbances) {
      if (one.consumer_deleted && one.begin_ns + kGrace >= from_ns && one.begin_ns <= to_ns) return &one;
    }
    return nullptr;
  }

  bool CutOff(const Handled& before, std::int64_t now) const {
    return std::any_of(history_.disturbances.begin(), history_.disturbances.end(), [&](const Disturbance& one) {
      const bool of_it = std::find(one.cut_off.begin(), one.cut_off.end(), before.life) != one.cut_off.end();
      return of_it && before.time_ns >= one.begin_ns - kGrace && before.time_ns <= one.calm_ns && now >= one.begin_ns;
    });
  }

  void Add(Count& count, const Step& step) const {
    const std::int64_t now = step.record.time_ns;
    const bool across =
        std::any_of(history_.disturbances.begin(), history_.disturbances.end(),
                    [&](const Disturbance& one) { return one.route_cut && one.begin_ns <= now && now <= one.calm_ns; });
    ++(across ? count.across_cut : count.elsewhere);
  }

  const ClusterHistory& history_;
  std::vector<Step> steps_{};
  std::vector<Crash> crashes_;  // by life; `at_ns` 0: it was not killed
  std::map<std::int64_t, std::uint64_t> floors_{};
  std::map<std::uint32_t, Key> keys_{};
  std::set<std::uint64_t> settled_{};
  std::map<EventRef, Handled> handled_{};
  std::vector<Turn> turns_{};
  ClusterFindings findings_{};
};

}  // namespace

ClusterFindings CheckCluster(const ClusterHistory& history) { return Examination(history).Run(); }

}  // namespace penstock::chaos
