// SPDX-License-Identifier: Apache-2.0
#include "bus/liveness/liveness_entry.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "naming/timestamp.h"

namespace penstock::eventbus {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr std::array<std::pair<SubscriptionRole, const char*>, 5> kRoles = {{
    {SubscriptionRole::kInactive, "inactive"},
    {SubscriptionRole::kOwns, "owns"},
    {SubscriptionRole::kStandsBy, "stands_by"},
    {SubscriptionRole::kShares, "shares"},
    {SubscriptionRole::kListens, "listens"},
}};
// Larger times, as only a stranger writes them, could overflow.
constexpr std::int64_t kLongestMs = std::int64_t{1} << 53;

std::string Text(const Json& from, const char* name) {
  const auto found = from.find(name);
  return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t Number(const Json& from, const char* name) {
  const auto found = from.find(name);
  if (found == from.end() || !found->is_number_integer()) return 0;
  return std::clamp<std::int64_t>(found->get<std::int64_t>(), 0, kLongestMs);
}

Json Written(const SubscriptionLiveness& one) {
  const auto* const role = std::ranges::find(kRoles, one.role, &std::pair<SubscriptionRole, const char*>::first);
  return {{"topic", one.topic},
          {"durable", one.durable},
          {"role", role->second},
          {"running", one.running},
          {"longest_running_ms", one.longest_running.count()},
          {"waiting", one.waiting},
          {"oldest_waiting_ms", one.oldest_waiting.count()}};
}

SubscriptionLiveness ReadSubscription(const Json& from) {
  SubscriptionLiveness one{.topic = Text(from, "topic"),
                           .durable = Text(from, "durable"),
                           .running = static_cast<std::uint64_t>(Number(from, "running")),
                           .longest_running = milliseconds(Number(from, "longest_running_ms")),
                           .waiting = static_cast<std::uint64_t>(Number(from, "waiting")),
                           .oldest_waiting = milliseconds(Number(from, "oldest_waiting_ms"))};
  for (const auto& [role, name] : kRoles) {
    if (Text(from, "role") == name) one.role = role;
  }
  return one;
}

}  // namespace

std::string WrittenBeat(const WorkerLiveness& worker) {
  Json subscriptions = Json::array();
  for (const SubscriptionLiveness& one : worker.subscriptions) {
    if (subscriptions.size() < kMostSubscriptionsTold) subscriptions.push_back(Written(one));
  }
  const Json value = {{"client_id", worker.client_id},
                      {"instance", worker.instance},
                      {"host", worker.host},
                      {"pid", worker.pid},
                      {"version", worker.version},
                      {"started_at", FormatTimestamp(worker.started_at)},
                      {"period_ms", worker.period.count()},
                      {"workers", worker.workers},
                      {"since_progress_ms", worker.since_progress.count()},
                      {"subscriptions", std::move(subscriptions)}};
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<WorkerLiveness> ReadBeat(std::string_view written) {
  const Json value = Json::parse(written, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object() || Text(value, "client_id").empty() || Number(value, "period_ms") == 0) return std::nullopt;
  WorkerLiveness worker{
      .client_id = Text(value, "client_id"),
      .instance = Text(value, "instance"),
      .host = Text(value, "host"),
      .pid = Number(value, "pid"),
      .version = Text(value, "version"),
      .started_at = ParseTimestamp(Text(value, "started_at")).value_or(std::chrono::system_clock::time_point()),
      .period = milliseconds(Number(value, "period_ms")),
      .workers = static_cast<std::size_t>(Number(value, "workers")),
      .since_progress = milliseconds(Number(value, "since_progress_ms"))};
  const auto subscriptions = value.find("subscriptions");
  if (subscriptions == value.end() || !subscriptions->is_array()) return worker;
  for (const Json& each : *subscriptions) {
    if (each.is_object()) worker.subscriptions.push_back(ReadSubscription(each));
  }
  return worker;
}

WorkerState StateOf(const WorkerLiveness& worker, milliseconds since_beat) {
  const milliseconds limit = kPeriodsUntilDead * worker.period;
  if (since_beat > limit) return WorkerState::kDead;
  return worker.since_progress > limit ? WorkerState::kStuck : WorkerState::kAlive;
}

}  // namespace penstock::eventbus
