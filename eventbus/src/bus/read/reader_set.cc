// SPDX-License-Identifier: Apache-2.0
#include "bus/read/reader_set.h"

#include <algorithm>
#include <iterator>

#include "absl/status/status.h"
#include "bus/subscriber/subscription_counters.h"

namespace penstock::eventbus {
namespace {

absl::Status BusClosed() { return absl::CancelledError("read: the bus is draining or closed"); }

}  // namespace

bool ReaderSet::Add(std::shared_ptr<ReadChannel> channel) {
  MutexLock lock(mutex_);
  if (!closed_) open_.push_back(std::move(channel));
  return !closed_;
}

void ReaderSet::Sweep() {
  std::vector<Shared> over;
  {
    MutexLock lock(mutex_);
    const auto first = std::partition(open_.begin(), open_.end(), [](const Shared& each) { return !each->ended(); });
    std::move(first, open_.end(), std::back_inserter(over));
    open_.erase(first, open_.end());
    for (const Shared& each : over) {
      const SubscriptionStats last = each->Stats();
      AddCounters(last, ended_[{last.topic, last.durable}]);
    }
  }
  for (const Shared& each : over) each->End(BusClosed(), ReadChannel::Rest::kCanBeRead);
}

void ReaderSet::EndAll() {
  std::vector<Shared> all;
  {
    MutexLock lock(mutex_);
    closed_ = true;
    all = open_;
  }
  for (const Shared& each : all) each->End(BusClosed(), ReadChannel::Rest::kCanBeRead);
}

void ReaderSet::AddStats(BusStats& stats) const {
  MutexLock lock(mutex_);
  for (const Shared& each : open_) stats.subscriptions.push_back(each->Stats());
  std::vector<SubscriptionStats>& ended = stats.ended_subscriptions;
  for (const auto& entry : ended_) {
    const SubscriptionStats& counters = entry.second;
    const auto same = [&counters](const SubscriptionStats& one) {
      return one.topic == counters.topic && one.durable == counters.durable;
    };
    const auto found = std::ranges::find_if(ended, same);
    AddCounters(counters, found == ended.end() ? ended.emplace_back() : *found);
  }
}

}  // namespace penstock::eventbus
