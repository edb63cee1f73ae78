// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/subscription_table.h"

#include <algorithm>

namespace penstock::eventbus::jetstream {
namespace {

// Whose handlers this thread calls at the moment.
thread_local const SubscriptionTable* calls_of_this_thread = nullptr;

}  // namespace

std::uint64_t SubscriptionTable::Add(InboundHandler& handler) {
  MutexLock lock(mutex_);
  entries_.push_back({++last_, &handler});
  ++version_;
  return last_;
}

bool SubscriptionTable::Remove(InboundHandler& handler) {
  MutexLock lock(mutex_);
  if (std::erase_if(entries_, [&](const Entry& each) { return each.handler == &handler; }) == 0) return false;
  ++version_;
  if (calls_of_this_thread == this) {
    RemoveFromCalled(handler);
  } else {
    while (calling_ != 0 && calling_ < version_) changed_.Wait(lock);
  }
  return true;
}

void SubscriptionTable::RemoveFromCalled(const InboundHandler& handler) {
  for (Entry& each : called_) {
    if (each.handler != &handler) continue;
    by_subscription_.erase(each.subscription);
    each.handler = nullptr;
  }
}

void SubscriptionTable::BeginCalls() {
  calls_of_this_thread = this;
  MutexLock lock(mutex_);
  if (called_version_ != version_) {
    called_ = entries_;
    called_version_ = version_;
    by_subscription_.clear();
    for (const Entry& each : called_) by_subscription_.emplace(each.subscription, each.handler);
    feeds_handlers_ = std::ranges::any_of(called_, [](const Entry& each) { return each.handler->feeds_handlers(); });
  }
  calling_ = called_version_;
}

void SubscriptionTable::EndCalls() {
  calls_of_this_thread = nullptr;
  MutexLock lock(mutex_);
  calling_ = 0;
  if (called_version_ != version_) changed_.NotifyAll();
}

InboundHandler* SubscriptionTable::Find(std::uint64_t subscription) const {
  const auto found = by_subscription_.find(subscription);
  return found == by_subscription_.end() ? nullptr : found->second;
}

}  // namespace penstock::eventbus::jetstream
