// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "chaos/ledger.h"
#include "chaos/tasks/task_actor.h"
#include "chaos/tasks/task_plan.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::chaos {

/// Sends a plan's tasks beside the events, and waits for some of their results. As an outbox: a task of a key is sent
/// when the one before it is acknowledged; one that failed, or that a killed process had not seen acknowledged, is sent
/// again with its ID and its time.
///
/// **Thread safety:** thread-confined. **Ownership:** bus, plan and books must outlive it; owns its threads.
/// **Blocking:** `Finish`, until all is sent and awaited; the destructor, for what runs.
class TaskSender {
 public:
  /// `past` is what the ledger says already.
  TaskSender(EventBus& bus, std::uint64_t seed, const TaskPlan& plan, const TaskBooks& books,
             const std::vector<TaskRecord>& past);
  ~TaskSender();
  TaskSender(const TaskSender&) = delete;
  TaskSender& operator=(const TaskSender&) = delete;

  /// So many events were published.
  void Released(std::size_t events);
  /// Sends all that is left.
  void Finish();

 private:
  void RunLane(std::size_t lane);
  void Send(const Task& task);
  bool AwaitRelease(const Task& task);
  void Offer(const Task& task);
  void RunAwaiter();
  void AwaitResult(EventRef task);
  bool closed() const;

  EventBus& bus_;
  const std::uint64_t seed_;
  const TaskPlan& plan_;
  const TaskBooks& books_;
  const Actor<TaskMessage> actor_ = TaskActor();
  std::set<EventRef> acked_{};
  std::map<EventRef, std::int64_t> due_{};  ///< of those that were attempted before

  mutable Mutex mutex_;
  CondVar changed_;
  std::size_t released_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool all_sent_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<EventRef> to_await_ ABSL_GUARDED_BY(mutex_){};
  std::vector<std::jthread> lanes_{};
  std::vector<std::jthread> awaiters_{};
};

}  // namespace penstock::chaos
