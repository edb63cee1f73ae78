// SPDX-License-Identifier: Apache-2.0
#include "bus/result_stores.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

absl::Status Closed() { return absl::FailedPreconditionError("await a result: the bus is closed"); }

}  // namespace

absl::StatusOr<Result> ResultStores::Await(EventBus& bus, std::string_view topic, std::string_view durable,
                                           std::string_view event_id, std::chrono::milliseconds timeout,
                                           const ResultOptions& options) {
  if (timeout.count() < 0) return absl::InvalidArgumentError("await a result: the timeout is negative; give 0 or more");
  if (auto status = EventEntries::CheckId(event_id); !status.ok()) return status;
  const Key key(topic, durable, options.bucket, options.time_to_live);
  absl::StatusOr<Result> result = AwaitOpened(bus, key, event_id, DeadlineAfter(timeout), options);
  if (!result.ok() && closed()) return Closed();
  if (!absl::IsDeadlineExceeded(result.status())) return result;
  return absl::DeadlineExceededError(
      absl::StrCat("await the result of event ", Quoted(event_id), ": there is none within ", timeout.count(), " ms"));
}

// A bucket that is gone is made anew once: its worker's next result goes there.
absl::StatusOr<Result> ResultStores::AwaitOpened(EventBus& bus, const Key& key, std::string_view event_id,
                                                 TimePoint deadline, const ResultOptions& options) {
  for (bool again = false;; again = true) {
    const absl::StatusOr<Store> store = Opened(bus, key, options);
    if (!store.ok()) return store.status();
    absl::StatusOr<Result> result = (*store)->Await(event_id, deadline);
    if (again || !IsStreamMissing(result.status())) return result;
    Forget(key, *store);
  }
}

absl::StatusOr<ResultStores::Store> ResultStores::Opened(EventBus& bus, const Key& key, const ResultOptions& options) {
  if (Store store = Find(key)) return store;
  auto store = ResultStore::Open(bus, std::get<0>(key), std::get<1>(key), options);
  if (!store.ok()) return store.status();
  return Keep(key, *std::move(store));
}

ResultStores::Store ResultStores::Find(const Key& key) {
  MutexLock lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  found->second.asked_for = std::chrono::steady_clock::now();
  return found->second.store;
}

// Another thread may have opened it meanwhile. What is forgotten goes without the lock, since its watch has a thread.
absl::StatusOr<ResultStores::Store> ResultStores::Keep(const Key& key, Store store) {
  Store forgotten;
  MutexLock lock(mutex_);
  if (closed_) return Closed();
  if (kept_.size() >= kMost && !kept_.contains(key)) {
    const auto oldest = std::ranges::min_element(kept_, {}, [](const auto& kept) { return kept.second.asked_for; });
    forgotten = std::move(oldest->second.store);
    kept_.erase(oldest);
  }
  return kept_.try_emplace(key, Kept{std::move(store), std::chrono::steady_clock::now()}).first->second.store;
}

void ResultStores::Forget(const Key& key, const Store& store) {
  MutexLock lock(mutex_);
  const auto found = kept_.find(key);
  if (found != kept_.end() && found->second.store == store) kept_.erase(found);
}

void ResultStores::Tick(TimePoint now) {
  std::vector<Store> forgotten, rest;
  {
    MutexLock lock(mutex_);
    for (auto kept = kept_.begin(); kept != kept_.end();) {
      const bool old = now - kept->second.asked_for > kKeptFor;
      (old ? forgotten : rest).push_back(kept->second.store);
      kept = old ? kept_.erase(kept) : std::next(kept);
    }
  }
  for (const Store& store : rest) store->EndIdleWatch(now);
}

bool ResultStores::closed() {
  MutexLock lock(mutex_);
  return closed_;
}

void ResultStores::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& [key, kept] : kept_) kept.store->Close();
}

}  // namespace penstock::eventbus
