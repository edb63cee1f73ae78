// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_checker.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace penstock::chaos {
namespace {

// The relay must have heard of a task a while before another one is due, to have it in its place.
constexpr std::int64_t kHeard = 2'000'000'000;
constexpr std::int64_t kPatience = 10'000'000'000;

/// A task as the books of all processes tell of it.
struct Story {
  std::int64_t due_ns = 0;
  std::int64_t acked_ns = 0;           // by the system clock; 0: never
  std::uint64_t sequence = 0;          // in the stream that it is handled from
  std::set<std::uint64_t> counted{};   // by each handler that finished
  std::set<std::uint64_t> in_doubt{};  // by each whose state could not be saved, as it was told; one may be saved
  std::int64_t finished_ns = 0;        // first; 0: never
  std::int64_t awaited_from_ns = 0;
};

class Examination {
 public:
  explicit Examination(TaskHistory history) : history_(std::move(history)) { LeaveOutUnsaved(); }

  TaskFindings Run() {
    findings_.work = CheckCluster(Work());
    for (const TaskRecord& line : history_.published) NoteSent(line);
    for (const TaskLife& life : history_.lives) {
      for (const TaskRecord& line : life.records) NoteHandled(line);
    }
    for (const TaskRecord& line : history_.published) NoteAwaited(line);
    for (const auto& [task, story] : stories_) {
      if (story.due_ns != 0) ++findings_.delayed;
      if (story.due_ns != 0 && story.acked_ns != 0 && story.finished_ns == 0) ++findings_.lost_delayed;
    }
    CheckKeys();
    for (const KeptResult& result : history_.results) CheckResult(result);
    return findings_;
  }

 private:
  // A handler has not finished a task if its state could not be saved, so that it was called again. It may be saved all
  // the same: then it is not, and of several nobody knows which one was saved.
  void LeaveOutUnsaved() {
    std::map<EventRef, std::int64_t> begun;
    for (const TaskLife& life : history_.lives) {
      for (const TaskRecord& line : life.records) {
        std::int64_t& last = begun[line.record.event];
        if (line.record.kind == Entry::kStart) last = std::max(last, line.record.time_ns);
      }
    }
    for (TaskLife& life : history_.lives) {
      std::map<EventRef, TaskRecord*> ended;
      for (TaskRecord& line : life.records) {
        if (line.record.kind == Entry::kEnd) ended[line.record.event] = &line;
        const auto end = ended.find(line.record.event);
        if (line.record.kind != Entry::kNotSaved || end == ended.end()) continue;
        in_doubt_.insert(end->second);
        if (begun[line.record.event] >= line.record.time_ns) end->second->record.result = Result::kFailed;
      }
    }
  }

  // The durable of the actor is not the one that faults delete.
  ClusterHistory Work() const {
    ClusterHistory work{.disturbances = history_.disturbances};
    for (Disturbance& one : work.disturbances) one.consumer_deleted = false;
    work.books.stored = history_.stored;
    for (const TaskRecord& line : history_.published) work.books.published.push_back(line.record);
    for (const TaskLife& life : history_.lives) {
      ConsumerLife& copy = work.books.consumers.emplace_back();
      copy.killed_ns = life.killed_ns;
      copy.window = life.window;
      for (const TaskRecord& line : life.records) copy.records.push_back(line.record);
    }
    return work;
  }

  void NoteSent(const TaskRecord& line) {
    Story& story = stories_[line.record.event];
    if (line.record.kind == Entry::kAttempt) story.due_ns = line.due_ns;
    if (line.record.kind == Entry::kAcked && story.acked_ns == 0) story.acked_ns = line.wall_ns;
  }

  void NoteHandled(const TaskRecord& line) {
    const auto found = stories_.find(line.record.event);
    if (found == stories_.end()) return;  // counted as unexpected
    Story& story = found->second;
    if (line.record.kind == Entry::kStart) {
      if (line.wall_ns < story.due_ns) ++findings_.early;
      if (story.sequence == 0) story.sequence = line.record.stream_sequence;
    }
    const bool in_doubt = in_doubt_.contains(&line);
    if (in_doubt) story.in_doubt.insert(line.counted);
    if (line.record.kind != Entry::kEnd || line.record.result != Result::kDone) return;
    if (!in_doubt) story.counted.insert(line.counted);
    if (story.finished_ns == 0) story.finished_ns = line.record.time_ns;
  }

  void NoteAwaited(const TaskRecord& line) {
    Story& story = stories_[line.record.event];
    if (line.record.kind == Entry::kAwait) story.awaited_from_ns = line.record.time_ns;
    if (line.record.kind != Entry::kAwaited) return;
    ++findings_.awaited;
    switch (line.record.result) {
      case Result::kDone:
        if (!MayBeResult(story, line.counted)) ++findings_.awaits_wrong;
        break;
      case Result::kNone:
        ++findings_.awaits_timed_out;
        if (InVain(line, story)) ++findings_.awaits_in_vain;
        break;
      case Result::kFailed:
        ++findings_.awaits_unavailable;
        break;
      default:
        ++findings_.awaits_wrong;
    }
  }

  static bool MayBeResult(const Story& story, std::uint64_t counted) {
    return story.counted.contains(counted) || story.in_doubt.contains(counted);
  }

  bool InVain(const TaskRecord& line, const Story& story) const {
    if (story.finished_ns == 0 || history_.not_kept.contains(line.record.event)) return false;
    return line.record.time_ns - std::max(story.finished_ns, story.awaited_from_ns) >= kPatience;
  }

  void CheckKeys() {
    std::map<std::uint32_t, std::vector<const Story*>> keys;  // in the order of sending
    for (const auto& [task, story] : stories_) {
      if (story.sequence != 0) keys[task.key].push_back(&story);
    }
    for (auto& [key, stories] : keys) {
      CheckOrder(stories);
      CheckState(stories);
    }
  }

  void CheckOrder(const std::vector<const Story*>& stories) {
    for (std::size_t later = 1; later < stories.size(); ++later) {
      for (std::size_t earlier = 0; earlier < later; ++earlier) {
        const Story& first = *stories[earlier];
        const Story& second = *stories[later];
        const bool as_sent = first.sequence < second.sequence;
        if (as_sent ? MustPass(second, first) : !MayPass(second, first)) ++findings_.wrong_order;
      }
    }
  }

  // `second` was sent when `first` had been acknowledged.
  static bool MayPass(const Story& second, const Story& first) { return first.due_ns > second.due_ns; }
  static bool MustPass(const Story& second, const Story& first) {
    if (!MayPass(second, first) || second.acked_ns == 0) return false;
    if (second.due_ns == 0) return second.acked_ns < first.due_ns;
    return second.acked_ns + kHeard < first.due_ns;
  }

  // Each task finds a state that has seen those before it, once each.
  void CheckState(std::vector<const Story*> stories) {
    std::sort(stories.begin(), stories.end(), [](const Story* a, const Story* b) { return a->sequence < b->sequence; });
    std::uint64_t place = 0;
    for (const Story* story : stories) {
      ++place;
      for (const std::uint64_t counted : story->counted) {
        if (counted != place) ++findings_.state_wrong;
      }
      const bool doubtful = story->counted.empty() && !story->in_doubt.empty();
      if (doubtful && !story->in_doubt.contains(place)) ++findings_.state_wrong;
    }
  }

  void CheckResult(const KeptResult& result) {
    const auto found = stories_.find(result.task);
    const bool handled = found != stories_.end() && found->second.finished_ns != 0;
    if (!result.there) {
      if (handled) ++(history_.not_kept.contains(result.task) ? findings_.results_not_kept : findings_.results_missing);
      return;
    }
    ++findings_.results_kept;
    if (!handled || !result.counted || !MayBeResult(found->second, *result.counted)) ++findings_.results_wrong;
  }

  TaskHistory history_;
  std::set<const TaskRecord*> in_doubt_{};  // handlers that ended, of whose state it was told that it was not saved
  std::map<EventRef, Story> stories_{};
  TaskFindings findings_{};
};

}  // namespace

TaskFindings CheckTasks(TaskHistory history) { return Examination(std::move(history)).Run(); }

}  // namespace penstock::chaos
