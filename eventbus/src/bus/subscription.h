// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "bus/dead_letters.h"
#include "delivery/delivery_flow.h"
#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/mutex.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/stats.h"
#include "transport/transport.h"

namespace penstock::eventbus {

/// What makes one subscription differ from another.
struct SubscriptionSpec {
  SubscriptionId id = 0;
  std::string topic{};
  FeedSpec feed{};
  FlowOptions flow{};
  /// The key may have to be read from the body (envelopes of publishers that set no headers).
  bool body_has_key = false;
  /// Decodes and handles one message, on a worker. May throw.
  std::function<Verdict(const StoredMessage& message)> handle{};
};

/// What a subscription works with. All of it outlives the subscription.
struct SubscriptionContext {
  actorpool::ActorPool& pool;
  DeadLetters& dead_letters;
  const LogSink& log;
  std::function<void()> hurry;  ///< asks for `Tick` within milliseconds
};

/// Carries messages from a feed through its delivery flow to the pool, and their outcomes back.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its feed and what is in hand. **Ordering:** see `DeliveryFlow`.
/// **Shutdown:** `StopReceiving`, then wait (`WaitQuiescent`, after `Abandon` for no more than what runs), then
/// `HandBack`. May be destroyed when `idle()`.
class Subscription {
 public:
  Subscription(SubscriptionSpec spec, SubscriptionContext context);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

  /// Begins to receive. Blocks while the transport makes the consumer.
  absl::Status Open(Transport& transport);

  void StopReceiving();
  /// What has not begun is to be handed back, not run.
  void Abandon();
  /// Waits until nothing runs, is queued or is on its way to the dead letters. False when `deadline` passed first.
  bool WaitQuiescent(TimePoint deadline);
  /// Gives back what has not begun. Only after `StopReceiving` and `Abandon`.
  void HandBack();
  /// Nothing will touch this object any more but its owner. Only after `StopReceiving`.
  bool idle() const;

  void Tick(TimePoint now);
  /// When `Tick` wants to be called again.
  std::chrono::milliseconds TickInterval() const;

  SubscriptionStats Stats() const;
  const SubscriptionSpec& spec() const { return spec_; }

 private:
  class Call;

  void OnArrived(std::vector<std::unique_ptr<StoredMessage>> messages);
  void OnNewEpoch();
  void OnLost(const absl::Status& why);
  void OnSettled(Item& item, const actorpool::Settlement& settlement);
  std::unique_ptr<Item> MakeItem(std::unique_ptr<StoredMessage> message) const;
  void AssignKey(Item& item) const;

  void Execute(Actions& actions);
  bool Offer(Item& item);
  absl::Status Work(Item& item);
  void StoreDeadLetter(Item& item);
  void Settle(const StoredMessage& message, Verb verb, std::chrono::milliseconds delay = {});

  const SubscriptionSpec spec_;
  const SubscriptionContext context_;
  // Only says "skip what has not begun"; a worker that reads it late merely runs one message more.
  std::atomic<bool> abandoning_{false};
  std::atomic<bool> lost_{false};  // a gauge
  // Calls from pool and transport under way. Its decrement is the last touch of this object, hence release; `idle`
  // acquires.
  std::atomic<int> calls_{0};
  mutable Mutex mutex_;
  CondVar quiescent_;
  DeliveryFlow flow_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Item>> early_ ABSL_GUARDED_BY(mutex_);  // arrived while `Open` was still at it
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Feed> feed_;  // set once, before `open_`; thread-safe itself
};

}  // namespace penstock::eventbus
