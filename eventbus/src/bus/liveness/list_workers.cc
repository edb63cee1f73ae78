// SPDX-License-Identifier: Apache-2.0
#include "bus/liveness/list_workers.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/liveness/liveness_entry.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus {
namespace {

using SystemTime = std::chrono::system_clock::time_point;
using std::chrono::milliseconds;

constexpr char kClock[] = "now";  // no key of a worker, which has two tokens

/// The time by the clock that the entries are stored by; ours if that cannot be read.
SystemTime StoreTime(Bucket& bucket, const BucketCallOptions& call) {
  const bool put = bucket.Put(kClock, "", {.timeout = call.timeout, .stop = call.stop}).ok();
  const auto entry = put ? bucket.Get(kClock, call) : absl::UnavailableError("");
  return entry.ok() ? entry->created : std::chrono::system_clock::now();
}

/// The last entry of each key.
absl::StatusOr<std::map<std::string, BucketEntry>> AllEntries(Bucket& bucket, const BucketCallOptions& call) {
  Mutex mutex;
  CondVar reported;
  std::map<std::string, BucketEntry> entries;
  bool up_to_date = false;
  const auto deadline = DeadlineAfter(call.timeout);
  auto watch = bucket.Watch(">",
                            {.on_entry =
                                 [&](const BucketEntry& entry) {
                                   MutexLock lock(mutex);
                                   entries.insert_or_assign(entry.key, entry);
                                 },
                             .on_up_to_date =
                                 [&] {
                                   MutexLock lock(mutex);
                                   up_to_date = true;
                                   reported.NotifyAll();
                                 }},
                            call);
  if (!watch.ok()) return watch.status();
  {
    MutexLock lock(mutex);
    while (!up_to_date && reported.WaitUntil(lock, deadline)) {
    }
  }
  (*watch)->Stop();
  MutexLock lock(mutex);
  if (up_to_date) return entries;
  return absl::DeadlineExceededError(absl::StrCat("the entries did not come within ", call.timeout.count(), " ms"));
}

std::optional<WorkerLiveness> WorkerOf(const BucketEntry& entry, SystemTime now) {
  if (entry.operation != BucketOperation::kPut) return std::nullopt;
  std::optional<WorkerLiveness> worker = ReadBeat(entry.value);
  if (!worker) return std::nullopt;
  worker->last_beat_at = entry.created;
  worker->since_beat = std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(now - entry.created));
  worker->state = StateOf(*worker, worker->since_beat);
  return worker;
}

}  // namespace

absl::StatusOr<std::vector<WorkerLiveness>> ListWorkers(EventBus& bus, std::string_view bucket,
                                                        const BucketCallOptions& call) {
  const auto opened =
      bus.Bucket(bucket, {.time_to_live = kLivenessLife, .replicas = bus.options().limits.replicas}, call);
  if (!opened.ok()) return Prefixed("liveness", opened.status());
  const auto entries = AllEntries(**opened, call);
  if (!entries.ok()) return Prefixed("liveness", entries.status());
  const SystemTime now = StoreTime(**opened, call);
  std::vector<WorkerLiveness> workers;
  for (const auto& [key, entry] : *entries) {
    if (auto worker = WorkerOf(entry, now)) workers.push_back(*std::move(worker));
  }
  const auto order = [](const WorkerLiveness& worker) {
    return std::tie(worker.client_id, worker.started_at, worker.instance);
  };
  std::ranges::sort(workers, {}, order);
  return workers;
}

}  // namespace penstock::eventbus
