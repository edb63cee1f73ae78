// SPDX-License-Identifier: Apache-2.0
#include "bus/subscribe/subscription_set.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/subscriber/subscription_counters.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {
namespace {

constexpr std::chrono::milliseconds kIdleTick{100};
constexpr std::chrono::milliseconds kInStepPoll{5};

}  // namespace

SubscriptionSet::SubscriptionSet(std::string thread_name, OnTick on_tick)
    : on_tick_(std::move(on_tick)), ticker_([this, name = std::move(thread_name)] {
        SetThreadName(name);
        Run();
      }) {}

SubscriptionSet::~SubscriptionSet() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    wake_.NotifyAll();
  }
  ticker_.join();
}

absl::Status SubscriptionSet::Reserve(const SubscriptionSpec& spec) {
  if (spec.consumer_spec.consumer.empty() || spec.consumer_spec.kind == ConsumerKind::kAtMostOnce)
    return absl::OkStatus();
  auto [known, added] = durables_.try_emplace({spec.consumer_spec.stream, spec.consumer_spec.consumer}, spec.id);
  if (added) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrFormat(
      "subscribe to %s: this bus has durable %s on it already, as subscription %d; choose another durable",
      Quoted(spec.topic), Quoted(spec.consumer_spec.consumer), known->second));
}

SubscriptionId SubscriptionSet::NewId() {
  MutexLock lock(mutex_);
  return ++last_id_;
}

absl::StatusOr<SubscriptionId> SubscriptionSet::Add(SubscriptionSpec spec, SubscriptionContext context,
                                                    Transport& transport) {
  {
    MutexLock lock(mutex_);
    spec.id = ++last_id_;
    if (auto status = Reserve(spec); !status.ok()) return status;
  }
  const SubscriptionId id = spec.id;
  auto subscription = std::make_shared<Subscription>(std::move(spec), std::move(context));
  absl::Status status = subscription->Open(transport);
  if (status.ok()) status = Admit(subscription);
  if (status.ok()) return id;
  MutexLock lock(mutex_);
  std::erase_if(durables_, [id](const auto& entry) { return entry.second == id; });
  return status;
}

// The set may have been closed while the subscription was being opened.
absl::Status SubscriptionSet::Admit(const Shared& subscription) {
  {
    MutexLock lock(mutex_);
    if (!closed_) {
      open_.emplace(subscription->spec().id, subscription);
      wake_.NotifyAll();
      return absl::OkStatus();
    }
    retired_.push_back(subscription);
  }
  subscription->StopReceiving();
  subscription->Abandon();
  return absl::FailedPreconditionError(
      absl::StrFormat("subscribe to %s: the bus is draining or closed", Quoted(subscription->spec().topic)));
}

absl::Status SubscriptionSet::Remove(SubscriptionId id, bool wait) { return End(id, /*is_member=*/false, wait); }
absl::Status SubscriptionSet::RemoveMember(SubscriptionId id, bool wait) { return End(id, /*is_member=*/true, wait); }

absl::Status SubscriptionSet::End(SubscriptionId id, bool is_member, bool wait) {
  Shared subscription;
  {
    MutexLock lock(mutex_);
    auto found = open_.find(id);
    if (found == open_.end() || found->second->spec().pattern.empty() == is_member) {
      return absl::NotFoundError(
          absl::StrFormat("unsubscribe: no subscription has the ID %d; it may have ended already", id));
    }
    subscription = std::move(found->second);
    open_.erase(found);
    retired_.push_back(subscription);
  }
  subscription->StopReceiving();
  subscription->Abandon();
  if (wait) subscription->WaitQuiescent(TimePoint::max());
  RequestTick();
  return absl::OkStatus();
}

void SubscriptionSet::StopReceiving() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  for (const Shared& subscription : All()) subscription->StopReceiving();
}

bool SubscriptionSet::WaitQuiescent(TimePoint deadline) {
  const auto all = All();
  return std::all_of(all.begin(), all.end(),
                     [deadline](const Shared& subscription) { return subscription->WaitQuiescent(deadline); });
}

bool SubscriptionSet::AwaitKept(TimePoint deadline) {
  const auto all = All();
  return std::all_of(all.begin(), all.end(),
                     [deadline](const Shared& subscription) { return subscription->AwaitKept(deadline); });
}

void SubscriptionSet::Abandon() {
  for (const Shared& subscription : All()) subscription->Abandon();
}

std::optional<std::uint64_t> SubscriptionSet::AwaitInStep(TimePoint deadline) {
  const auto all = All();
  while (true) {
    if (const auto sum = SumOfSteps(all)) return sum;
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    Pause();
  }
}

void SubscriptionSet::Pause() {
  MutexLock lock(mutex_);
  wake_.WaitUntil(lock, std::chrono::steady_clock::now() + kInStepPoll);
}

std::optional<std::uint64_t> SubscriptionSet::SumOfSteps(const std::vector<Shared>& all) {
  std::uint64_t sum = 0;
  for (const Shared& subscription : all) {
    const std::optional<std::uint64_t> steps = subscription->InStep();
    if (!steps) return std::nullopt;
    sum += *steps;
  }
  return sum;
}

ShutdownSummary SubscriptionSet::HandBack() {
  ShutdownSummary sum;
  for (const Shared& subscription : All()) {
    const ShutdownSummary one = subscription->HandBack();
    sum.handed_back += one.handed_back;
    sum.abandoned += one.abandoned;
    sum.taken_over = sum.taken_over || one.taken_over;
    sum.in_doubt = sum.in_doubt || one.in_doubt;
    sum.sends_once = sum.sends_once || one.sends_once;
  }
  return sum;
}

void SubscriptionSet::RequestTick() {
  MutexLock lock(mutex_);
  tick_requested_ = true;
  wake_.NotifyAll();
}

std::size_t SubscriptionSet::Ready() const {
  std::size_t ready = 0;
  for (const Shared& subscription : All()) ready += subscription->Ready();
  return ready;
}

void SubscriptionSet::AddStats(BusStats& stats) const {
  std::vector<Shared> open, retired;
  Ended ended;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, subscription] : open_) open.push_back(subscription);
    retired = retired_;
    ended = ended_;
  }
  for (const Shared& subscription : open) stats.subscriptions.push_back(subscription->Stats());
  for (const Shared& subscription : retired) {
    const SubscriptionStats last = subscription->Stats();
    AddCounters(last, ended[{last.topic, last.durable}]);
  }
  for (auto& [names, counters] : ended) stats.ended_subscriptions.push_back(std::move(counters));
}

std::uint64_t SubscriptionSet::Settled() const {
  BusStats stats;
  AddStats(stats);
  std::uint64_t settled = 0;
  for (const auto* part : {&stats.subscriptions, &stats.ended_subscriptions}) {
    for (const auto& one : *part) settled += one.durable.empty() ? one.handled : one.acked + one.terminated;
  }
  return settled;
}

std::vector<SubscriptionLiveness> SubscriptionSet::Liveness() const {
  std::vector<SubscriptionLiveness> liveness;
  for (const Shared& subscription : All()) liveness.push_back(subscription->Liveness());
  return liveness;
}

std::vector<SubscriptionSet::Shared> SubscriptionSet::All() const {
  std::vector<Shared> all;
  MutexLock lock(mutex_);
  all.reserve(open_.size());
  for (const auto& [id, subscription] : open_) all.push_back(subscription);
  return all;
}

void SubscriptionSet::Run() {
  auto next = std::chrono::steady_clock::now() + kIdleTick;
  while (true) {
    {
      MutexLock lock(mutex_);
      while (!stopping_ && !tick_requested_ && wake_.WaitUntil(lock, next)) {
      }
      if (stopping_) return;
      tick_requested_ = false;
    }
    const auto now = std::chrono::steady_clock::now();
    next = now + kIdleTick;
    std::set<SubscriptionId> disconnected;
    for (const Shared& subscription : All()) {
      if (subscription->disconnected()) disconnected.insert(subscription->spec().shown_id());
      if (subscription->NextTick() <= now) subscription->Tick(now);
      next = std::min(next, subscription->NextTick());
    }
    Reap();
    on_tick_(now, disconnected);
  }
}

// Removed subscriptions go when nothing touches them any more; their durable is free from then on.
void SubscriptionSet::Reap() {
  std::vector<Shared> idle;
  {
    MutexLock lock(mutex_);
    auto first_idle = std::partition(retired_.begin(), retired_.end(), [](const Shared& s) { return !s->idle(); });
    std::move(first_idle, retired_.end(), std::back_inserter(idle));
    retired_.erase(first_idle, retired_.end());
    for (const Shared& subscription : idle) {
      const SubscriptionStats stats = subscription->Stats();
      AddCounters(stats, ended_[{stats.topic, stats.durable}]);
    }
  }
  for (const Shared& subscription : idle) {
    subscription->HandBack();
    MutexLock lock(mutex_);
    std::erase_if(durables_, [&](const auto& entry) { return entry.second == subscription->spec().id; });
  }
}

}  // namespace penstock::eventbus
