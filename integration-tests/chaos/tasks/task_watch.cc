// SPDX-License-Identifier: Apache-2.0
#include "chaos/tasks/task_watch.h"

#include <chrono>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "chaos/names.h"
#include "chaos/tasks/task_actor.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::seconds kConnectTimeout(30);
constexpr std::chrono::seconds kResultTimeout(5);
constexpr std::size_t kReaders = 8;

}  // namespace

TaskWatch::TaskWatch(std::uint64_t seed, std::size_t events, std::size_t percent)
    : seed_(seed), plan_(seed, events, percent) {}

void TaskWatch::FollowPublisher(const std::filesystem::path& ledger) {
  publisher_.emplace_back(TaskLedgerBeside(ledger.string()));
}

void TaskWatch::FollowHost(const std::filesystem::path& ledger) {
  hosts_.emplace_back(TaskLedgerBeside(ledger.string()));
  logs_.push_back(std::filesystem::path(ledger).replace_extension(".log"));
  history_.lives.emplace_back();
}

void TaskWatch::ReadLedgers() {
  for (TaskLedgerReader& ledger : publisher_) {
    for (const TaskRecord& line : ledger.ReadNew()) {
      if (line.record.kind == Entry::kAcked) ++acked_;
      history_.published.push_back(line);
    }
  }
  for (std::size_t life = 0; life < hosts_.size(); ++life) {
    for (const TaskRecord& line : hosts_[life].ReadNew()) {
      const bool done = line.record.kind == Entry::kEnd && line.record.result == Result::kDone;
      if (done || line.record.kind == Entry::kSeen) finished_.insert(line.record.event);
      if (line.record.kind == Entry::kNotSaved) finished_.erase(line.record.event);
      history_.lives[life].records.push_back(line);
    }
  }
}

absl::Status TaskWatch::ReadResults(const std::string& url, const std::string& ca_file, int replicas) {
  if (plan_.tasks().empty()) return absl::OkStatus();
  auto bus = EventBus::Connect({.url = url,
                                .client_id = "chaos-reader",
                                .base_stream_name = kBaseStream,
                                .tls = TlsTrusting(ca_file),
                                .limits = {.replicas = replicas},
                                .connect_timeout = kConnectTimeout});
  if (!bus.ok()) return bus.status();
  const std::vector<Task>& tasks = plan_.tasks();
  history_.results.resize(tasks.size());
  std::vector<absl::Status> failures(kReaders);
  std::vector<std::jthread> readers;
  for (std::size_t reader = 0; reader < kReaders; ++reader) {
    readers.emplace_back([&, reader] {
      const Actor<TaskMessage> actor = TaskActor();
      for (std::size_t i = reader; i < tasks.size(); i += kReaders) {
        const EventRef task = tasks[i].event;
        const auto result = actor.AwaitResult(**bus, TaskId(seed_, task), kResultTimeout);
        if (!result.ok() && !absl::IsDeadlineExceeded(result.status())) failures[reader].Update(result.status());
        KeptResult& kept = history_.results[i] = {.task = task, .there = result.ok()};
        if (result.ok() && result->handled) kept.counted = ReadTaskValue(seed_, task, result->value);
      }
    });
  }
  readers.clear();
  absl::Status failed;
  for (const absl::Status& failure : failures) failed.Update(failure);
  return failed;
}

void TaskWatch::HostEnded(std::size_t life, std::optional<std::int64_t> killed_ns, std::size_t window) {
  history_.lives[life].killed_ns = killed_ns;
  history_.lives[life].window = window;
}

TaskReport TaskWatch::Examine(std::uint64_t stored, std::vector<Disturbance> disturbances) {
  TaskReport report{.planned = plan_.tasks().size()};
  if (report.planned == 0) return report;
  history_.stored = stored;
  history_.disturbances = std::move(disturbances);
  ReadLogs();
  report.findings = CheckTasks(std::move(history_));
  return report;
}

// A bus says of each result that it could not keep: `keep the result of event "ID": ...`.
void TaskWatch::ReadLogs() {
  std::map<std::string, EventRef> tasks;
  for (const Task& task : plan_.tasks()) tasks[TaskId(seed_, task.event)] = task.event;
  constexpr std::string_view kBegin = "keep the result of event \"";
  for (const std::filesystem::path& log : logs_) {
    std::ifstream lines(log);
    for (std::string line; std::getline(lines, line);) {
      const std::size_t begin = line.find(kBegin);
      if (begin == line.npos) continue;
      const std::string id =
          line.substr(begin + kBegin.size(), line.find('"', begin + kBegin.size()) - begin - kBegin.size());
      if (const auto task = tasks.find(id); task != tasks.end()) history_.not_kept.insert(task->second);
    }
  }
}

std::string TaskStream() { return StreamName(kBaseStream, TaskActor().topic()); }

std::vector<std::string> TaskStreams() {
  return {TaskStream(), DelayedStreamName(kBaseStream), "KV_PENSTOCK_RESULTS", "KV_PENSTOCK_ACTORS"};
}

}  // namespace penstock::chaos
