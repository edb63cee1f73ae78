// SPDX-License-Identifier: Apache-2.0
// How a subscription ends.
#include <algorithm>
#include <utility>

#include "bus/subscribe/subscription.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kPoll{1};

}  // namespace

void Subscription::StopReceiving() {
  if (!consumer_) return;
  consumer_->StopArrivals();
  const std::uint64_t resubscribes = consumer_->Stats().resubscribes;
  MutexLock lock(mutex_);
  if (!std::exchange(draining_, true)) resubscribes_before_ = resubscribes;
}

std::optional<std::uint64_t> Subscription::InStep() const {
  if (!spec_.flow.acknowledges || lost_.load(std::memory_order_relaxed) || !consumer_) return 0;
  {
    MutexLock lock(mutex_);
    const SubscriptionStats& so_far = flow_.counters();
    if (so_far.acked + so_far.terminated + flow_.in_hand() == 0) return 0;
  }
  // It has stopped already: its last acknowledgements only have to reach the server.
  if (spec_.consumer_spec.kind == ConsumerKind::kShared) return 1;
  const ConsumerStats stats = consumer_->Stats();
  if (!stats.caught_up || (!stats.active && !stats.standing_by)) return std::nullopt;
  return 1 + stats.resubscribes;
}

void Subscription::Abandon() {
  abandoning_.store(true, std::memory_order_relaxed);
  std::vector<std::shared_ptr<Deferral>> deferred;
  {
    MutexLock lock(mutex_);
    abandoned_ = true;
    flow_.Close();
    given_up_ += waiting_.Clear();
    for (const auto& [item, deferral] : deferred_) deferred.push_back(deferral);
    if (quiescent()) quiescent_.NotifyAll();
  }
  for (const auto& deferral : deferred) deferral->TakeBack();
  if (spec_.cancels) spec_.cancels->Stop();
}

// The last calls may still be sending answers. Their end notifies nobody, since a call does not touch this object any
// more when it has ended: hence the polling.
bool Subscription::WaitQuiescent(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (true) {
    const bool rests = quiescent();
    if (rests && calls_.load(std::memory_order_acquire) == 0) return true;
    const TimePoint now = std::chrono::steady_clock::now();
    if (now >= deadline) return false;
    quiescent_.WaitUntil(lock, rests ? std::min(deadline, now + kPoll) : deadline);
  }
}

bool Subscription::AwaitKept(TimePoint deadline) {
  MutexLock lock(mutex_);
  while (keeping_ > 0 && quiescent_.WaitUntil(lock, deadline)) {
  }
  return keeping_ == 0;
}

bool Subscription::idle() const {
  {
    MutexLock lock(mutex_);
    if (!quiescent()) return false;
  }
  return calls_.load(std::memory_order_acquire) == 0;
}

ShutdownSummary Subscription::HandBack() {
  // Other acknowledgements are sent again with the next connection.
  const bool cumulative = spec_.flow.acknowledges && spec_.consumer_spec.ack_all;
  const std::uint64_t resubscribes = cumulative && consumer_ ? consumer_->Stats().resubscribes : 0;
  std::vector<std::unique_ptr<InFlightMessage>> items;
  ShutdownSummary summary;
  {
    MutexLock lock(mutex_);
    summary = lost_in_drain_;
    summary.abandoned = flow_.active();
    summary.handed_back += flow_.held() + given_up_;
    summary.in_doubt = cumulative && consumer_ && resubscribes != resubscribes_before_;
    const SubscriptionStats& so_far = flow_.counters();
    summary.sends_once = spec_.flow.acknowledges && spec_.consumer_spec.kind == ConsumerKind::kShared &&
                         so_far.acked + so_far.terminated > 0;
    items = flow_.HandBack();
  }
  summary.handed_back += items.size();
  // An exclusive durable comes with everything pending, in order, when it is taken over: a Nak would only get in the
  // way.
  if (spec_.consumer_spec.kind == ConsumerKind::kShared) {
    for (const auto& item : items) executor_.Acknowledge(item->answerable(), AckType::kNak);
  }
  if (consumer_) consumer_->Stop();
  return summary;
}

}  // namespace penstock::eventbus
