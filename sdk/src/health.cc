// SPDX-License-Identifier: Apache-2.0
#include "health.h"

#include "absl/strings/str_cat.h"

namespace penstock {

std::optional<std::string> WhyNotReady(const BusStats& stats) {
  if (!stats.connection.connected) return "not connected to the server";
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (!subscription.active) return absl::StrCat("the subscription to \"", subscription.topic, "\" does not receive");
  }
  return std::nullopt;
}

std::string ReadyText(const BusStats& stats) {
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (subscription.degraded) {
      return absl::StrCat("ready, degraded: message after message of \"", subscription.topic, "\" fails");
    }
  }
  return "ready";
}

bool StallWatch::Stalled(const actorpool::PoolStats& pool, Clock::time_point now) {
  const actorpool::ActorStats total = pool.Total();
  const std::uint64_t finished = total.succeeded + total.failed;
  if (total.inbox_depth == 0 || finished != finished_) waiting_since_.reset();
  finished_ = finished;
  if (total.inbox_depth > 0 && !waiting_since_) waiting_since_ = now;
  return limit_.count() > 0 && waiting_since_ && now - *waiting_since_ >= limit_;
}

metrics::HttpReply HealthReply(const std::optional<std::string>& problem, const std::string& fine) {
  return {.status = problem ? 503 : 200, .body = problem.value_or(fine) + "\n"};
}

}  // namespace penstock
