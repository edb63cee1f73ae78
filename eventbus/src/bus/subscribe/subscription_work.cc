// SPDX-License-Identifier: Apache-2.0
// What a subscription does on a worker: from the handler to what became of its message.
#include <utility>

#include "bus/subscribe/subscription.h"

namespace penstock::eventbus {

/// One call of the handler, which may ask for a deferral, once.
class Subscription::HandlerCall final : public DeferralSource {
 public:
  HandlerCall(Subscription& subscription, Item& item) : subscription_(subscription), item_(item) {}

  std::shared_ptr<Deferral> Defer() override {
    return std::exchange(deferred_, true) ? nullptr : subscription_.Defer(item_);
  }
  bool deferred() const { return deferred_; }

 private:
  Subscription& subscription_;
  Item& item_;
  bool deferred_ = false;
};

bool Subscription::MayBegin(const Item& item, TimePoint now) const {
  if (outage_.load(std::memory_order_relaxed) && !item.probe) return false;
  if (!quarantine_known_.load(std::memory_order_acquire)) return false;
  if (item.taken.load(std::memory_order_relaxed)) return false;
  return feed_->MayHandle(now);
}

absl::Status Subscription::Work(Item& item) {
  const bool abandoned = abandoning_.load(std::memory_order_relaxed);
  const TimePoint now = std::chrono::steady_clock::now();
  if (abandoned || !MayBegin(item, now)) {
    item.verdict = {.kind = abandoned ? Verdict::Kind::kAbandoned : Verdict::Kind::kPostponed};
    return absl::CancelledError();
  }
  item.begun.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  HandlerCall call(*this, item);
  Verdict verdict = spec_.handle(*item.message, item.attempts() + 1, call);
  if (call.deferred()) return absl::OkStatus();
  item.verdict = std::move(verdict);
  return item.verdict.kind == Verdict::Kind::kHandled ? absl::OkStatus() : absl::AbortedError(item.verdict.reason);
}

std::shared_ptr<Deferral> Subscription::Defer(Item& item) {
  auto deferral = std::make_shared<Deferral>([this, &item](Verdict verdict) {
    Call call(*this);
    item.deferred = false;
    item.verdict = std::move(verdict);
    Finish(item);
  });
  item.deferred = true;
  bool late = false;
  {
    MutexLock lock(mutex_);
    deferred_.emplace(&item, deferral);
    late = abandoned_;
  }
  if (late) deferral->TakeBack();
  return deferral;
}

void Subscription::OnSettled(Item& item, const actorpool::Completion& completion) {
  Call call(*this);
  if (item.deferred) {
    std::shared_ptr<Deferral> deferral;
    {
      MutexLock lock(mutex_);
      deferral = deferred_.at(&item);
    }
    return deferral->Returned();
  }
  using actorpool::Disposition;
  if (completion.disposition == Disposition::kAbandoned) item.verdict = {.kind = Verdict::Kind::kAbandoned};
  if (completion.disposition == Disposition::kThrew) {
    item.verdict = {.kind = Verdict::Kind::kThrew, .reason = std::string(completion.status.message())};
  }
  Finish(item);
}

void Subscription::Finish(Item& item) {
  if (item.verdict.kind != Verdict::Kind::kHandled) {
    item.last_failed_at = std::chrono::system_clock::now();
    if (item.failures == 0) item.first_failed_at = item.last_failed_at;
  }
  const bool awaited = item.awaited.load(std::memory_order_relaxed);
  finished_.Add(item);
  awaited ? TakeNow() : TakeFinished();
}

void Subscription::TakeNow() {
  Do([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { FinishAll(now, actions); });
}

void Subscription::TakeFinished() {
  while (finished_.ShallTake()) {
    TakeNow();
    finished_.TakingEnds();
  }
}

void Subscription::FinishAll(TimePoint now, Actions& actions) {
  for (Item* next = finished_.Take(); next != nullptr;) {
    Item& each = *std::exchange(next, next->next_finished);
    if (!deferred_.empty()) deferred_.erase(&each);
    flow_.Finished(each, now, actions);
  }
}

}  // namespace penstock::eventbus
