// SPDX-License-Identifier: Apache-2.0
#include "bus/cancel/cancelled_events.h"

#include <algorithm>
#include <utility>

namespace penstock::eventbus {
namespace {

constexpr std::size_t kLeastToLookAt = 64;

}  // namespace

std::vector<std::stop_source> CancelledEvents::Hold(std::string_view event_id, const Request& request, Time now) {
  std::vector<std::stop_source> running;
  MutexLock lock(mutex_);
  ForgetExpired(now);
  Request& held = held_[std::string(event_id)].request;
  held = request;
  for (auto& [item, run] : runs_) {
    if (run.event_id != event_id) continue;
    run.cancelled = true;
    running.push_back(run.stop);
  }
  held.answered = held.answered || !running.empty();
  return running;
}

// Looked for again when as many are held as were left the last time: each costs a constant time on average.
void CancelledEvents::ForgetExpired(Time now) {
  if (held_.size() < look_at_) return;
  std::erase_if(held_, [now](const auto& entry) { return entry.second.request.expires_at <= now; });
  look_at_ = std::max(kLeastToLookAt, 2 * held_.size());
}

void CancelledEvents::Withdraw(std::string_view event_id) {
  MutexLock lock(mutex_);
  if (const auto found = held_.find(event_id); found != held_.end()) held_.erase(found);
}

bool CancelledEvents::Holds(std::string_view event_id, Time now) const {
  MutexLock lock(mutex_);
  const auto found = held_.find(event_id);
  return found != held_.end() && found->second.request.expires_at > now;
}

void CancelledEvents::NotePromised(std::string_view event_id) {
  MutexLock lock(mutex_);
  if (const auto found = held_.find(event_id); found != held_.end()) found->second.cancelled = true;
}

bool CancelledEvents::WasCancelled(std::string_view event_id) const {
  MutexLock lock(mutex_);
  const auto found = held_.find(event_id);
  return found != held_.end() && found->second.cancelled;
}

std::optional<std::uint64_t> CancelledEvents::Unanswered(std::string_view event_id) const {
  MutexLock lock(mutex_);
  const auto found = held_.find(event_id);
  if (found == held_.end() || found->second.request.answered) return std::nullopt;
  return found->second.request.revision;
}

bool CancelledEvents::Begin(const void* item, std::string_view event_id, std::stop_source stop, Time now) {
  MutexLock lock(mutex_);
  const auto found = held_.find(event_id);
  const bool cancelled = found != held_.end() && found->second.request.expires_at > now;
  runs_.insert_or_assign(item, Run{.event_id = std::string(event_id), .stop = std::move(stop), .cancelled = cancelled});
  return !cancelled;
}

bool CancelledEvents::IsCancelled(const void* item) const {
  MutexLock lock(mutex_);
  const auto found = runs_.find(item);
  return found != runs_.end() && found->second.cancelled;
}

std::optional<CancelledEvents::End> CancelledEvents::Ended(const void* item, bool over) {
  MutexLock lock(mutex_);
  const auto found = runs_.find(item);
  if (found == runs_.end()) return std::nullopt;
  End end{.event_id = std::move(found->second.event_id), .cancelled = found->second.cancelled};
  runs_.erase(found);
  if (over) RememberOver(end.event_id);
  const auto held = held_.find(end.event_id);
  if (end.cancelled && !over && held != held_.end()) held->second.cancelled = true;
  return end;
}

void CancelledEvents::NoteOver(std::string_view event_id) {
  MutexLock lock(mutex_);
  RememberOver(event_id);
}

void CancelledEvents::RememberOver(std::string_view event_id) {
  if (over_ids_.contains(event_id)) return;
  over_ids_.insert(over_.emplace_back(event_id));
  if (over_.size() <= kMostOver) return;
  over_ids_.erase(over_.front());
  over_.pop_front();
}

bool CancelledEvents::IsOver(std::string_view event_id) const {
  MutexLock lock(mutex_);
  return over_ids_.contains(event_id);
}

std::size_t CancelledEvents::held() const {
  MutexLock lock(mutex_);
  return held_.size();
}

}  // namespace penstock::eventbus
