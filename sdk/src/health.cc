// SPDX-License-Identifier: Apache-2.0
#include "health.h"

#include <exception>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "escape_controls.h"

namespace penstock {
namespace {

std::set<std::string> TopicsThatStandBy(const BusStats& stats) {
  std::set<std::string> topics;
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (subscription.standing_by) topics.insert(subscription.topic);
  }
  return topics;
}

absl::Status RunCheck(const ReadyCheck& check) {
  try {
    return check();
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("the check threw: ", error.what()));
  } catch (...) {
    return absl::InternalError("the check threw something that is no std::exception");
  }
}

std::optional<std::string> FirstFailure(const CheckResults& checks) {
  for (const auto& [name, status] : checks) {
    if (!status.ok()) return absl::StrCat("the check \"", name, "\" failed");
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> WhyNotReady(const BusStats& stats) {
  if (!stats.connection.connected) return "not connected to the server";
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (!subscription.active && !subscription.standing_by)
      return absl::StrCat("the subscription to \"", subscription.topic, "\" does not receive");
  }
  return std::nullopt;
}

std::string ReadyText(const BusStats& stats) {
  std::string text = "ready";
  const std::set<std::string> standing_by = TopicsThatStandBy(stats);
  if (!standing_by.empty()) absl::StrAppend(&text, ", standing by for ", absl::StrJoin(standing_by, ", "));
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (subscription.reading_letters)
      absl::StrAppend(&text, ", reading the dead letters of \"", subscription.topic, "\"");
  }
  for (const SubscriptionStats& subscription : stats.subscriptions) {
    if (!subscription.degraded) continue;
    absl::StrAppend(&text, ", degraded: message after message of \"", subscription.topic, "\" fails");
    break;
  }
  return text;
}

CheckResults RunChecks(const std::map<std::string, ReadyCheck>& checks) {
  CheckResults results;
  for (const auto& [name, check] : checks) results.emplace_back(name, RunCheck(check));
  return results;
}

metrics::HttpReply ReadyReply(const BusStats& stats, const CheckResults& checks) {
  std::optional<std::string> problem = WhyNotReady(stats);
  if (!problem) problem = FirstFailure(checks);
  metrics::HttpReply reply = HealthReply(problem, ReadyText(stats));
  for (const auto& [name, status] : checks) {
    const std::string verdict = status.ok() ? "ok" : status.ToString();
    absl::StrAppend(&reply.body, EscapeControls(std::string_view(absl::StrCat(name, ": ", verdict))), "\n");
  }
  return reply;
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
