// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bus/subscribe/subscription.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {

/// The subscriptions of one bus, and the thread that tells them the time.
///
/// **Thread safety:** thread-safe. **Ownership:** owns subscriptions, also removed ones until nothing touches them any
/// more.
/// **Shutdown:** `Finish` after the pool was stopped and before the transport is closed; then the destructor.
class SubscriptionSet {
 public:
  /// Told the time, and the IDs that the user knows of subscriptions that are to be removed, since their queues were
  /// full; until they are.
  using OnTick = std::function<void(TimePoint now, const std::set<SubscriptionId>& disconnected)>;

  /// `thread_name` names the ticking thread (15 bytes of it are kept), which calls `on_tick` too, ten times a second or
  /// more often.
  SubscriptionSet(std::string thread_name, OnTick on_tick);
  ~SubscriptionSet();
  SubscriptionSet(const SubscriptionSet&) = delete;
  SubscriptionSet& operator=(const SubscriptionSet&) = delete;

  /// An ID that nothing else has.
  SubscriptionId NewId();

  /// Opens a subscription; its ID is assigned here. `kAlreadyExists` when the set has its durable on its stream.
  absl::StatusOr<SubscriptionId> Add(SubscriptionSpec spec, SubscriptionContext context, Transport& transport);

  /// `kNotFound` for an unknown ID, and for that of a pattern's member. `wait`: until its running handlers have ended.
  absl::Status Remove(SubscriptionId id, bool wait);
  /// The same for one that belongs to a pattern.
  absl::Status RemoveMember(SubscriptionId id, bool wait);

  /// Also refuses subscriptions from now on.
  void StopReceiving();
  bool WaitQuiescent(TimePoint deadline);
  void Abandon();
  /// As `Subscription::AwaitKept`, of all.
  bool AwaitKept(TimePoint deadline);
  /// Waits until all are in step; the sum of `Subscription::InStep`. Nothing when `deadline` passed first.
  std::optional<std::uint64_t> AwaitInStep(TimePoint deadline);
  /// Waits a moment, as `AwaitInStep` does between two looks.
  void Pause();
  ShutdownSummary HandBack();

  /// Asks for a tick soon.
  void RequestTick();

  /// Those that have not ended.
  std::vector<SubscriptionLiveness> Liveness() const;
  /// The sum of `Subscription::Ready`.
  std::size_t Ready() const;
  /// Fills in `subscriptions` and `ended_subscriptions`, both of one moment: a subscription is in one of them.
  void AddStats(BusStats& stats) const;
  /// Messages that are over, of all subscriptions so far.
  std::uint64_t Settled() const;

 private:
  using Shared = std::shared_ptr<Subscription>;
  using Ended = std::map<std::pair<std::string, std::string>, SubscriptionStats>;  // by topic and durable

  absl::Status End(SubscriptionId id, bool is_member, bool wait);
  absl::Status Admit(const Shared& subscription);
  absl::Status Reserve(const SubscriptionSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<Shared> All() const;
  static std::optional<std::uint64_t> SumOfSteps(const std::vector<Shared>& all);
  void Run();
  void Reap();

  mutable Mutex mutex_;
  CondVar wake_;
  std::map<SubscriptionId, Shared> open_ ABSL_GUARDED_BY(mutex_);
  std::vector<Shared> retired_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, SubscriptionId> durables_
      ABSL_GUARDED_BY(mutex_);           // by stream and name
  Ended ended_ ABSL_GUARDED_BY(mutex_);  // what was in `retired_` before
  SubscriptionId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  bool tick_requested_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  const OnTick on_tick_;
  std::thread ticker_;
};

}  // namespace penstock::eventbus
