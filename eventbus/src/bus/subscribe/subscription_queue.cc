// SPDX-License-Identifier: Apache-2.0
// The queue of a subscription that drops what it has no room for.
#include <utility>

#include "absl/strings/str_format.h"
#include "bus/subscribe/subscription.h"

namespace penstock::eventbus {

// Credit is returned as messages arrive, so that the server is never what they wait in.
void Subscription::OnArrivedToQueue(std::vector<std::unique_ptr<StoredMessage>> messages) {
  Call call(*this);
  bool news = false, disconnected = false;
  RunActions([&](TimePoint now, Actions& actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const bool was_disconnected = waiting_.disconnected();
    owed_credit_ += messages.size();
    for (auto& message : messages) {
      waiting_.Push(std::move(message));
      Feed(now, actions);
    }
    news = waiting_.TakeNews();
    disconnected = waiting_.disconnected() && !was_disconnected;
  });
  NoteOverflow(news, disconnected);
}

void Subscription::NoteOverflow(bool news, bool disconnected) {
  if (disconnected) {
    Log(LogLevel::kError, absl::StrFormat("has ended: its queue of %d messages was full; handle faster, set a larger "
                                          "queue_capacity, or drop messages instead",
                                          spec_.queue_capacity));
    disconnected_.store(true, std::memory_order_relaxed);
    context_.request_tick();
  } else if (news) {
    Log(LogLevel::kWarning,
        absl::StrFormat("its queue of %d messages is full, and the %s are dropped", spec_.queue_capacity,
                        spec_.when_full == WhenFull::kDropOldest ? "oldest" : "newest"));
  }
}

// No more than keeps the workers busy: what the pool has cannot be dropped.
void Subscription::Feed(TimePoint now, Actions& actions) {
  while (drops() && open_ && !abandoned_ && flow_.in_hand() < 2 * context_.workers) {
    std::unique_ptr<StoredMessage> message = waiting_.Pop();
    if (message == nullptr) return;
    flow_.Arrived(factory_.Make(std::move(message)), now, actions);
  }
}

void Subscription::AddQueueStats(SubscriptionStats& stats) const {
  stats.disconnects = waiting_.disconnected() ? 1 : 0;
  stats.dropped = waiting_.dropped() + (waiting_.disconnected() ? given_up_ : 0);
  stats.received += waiting_.dropped() + waiting_.size() + given_up_;
  stats.in_flight += waiting_.size();
}

}  // namespace penstock::eventbus
