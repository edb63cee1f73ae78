// SPDX-License-Identifier: Apache-2.0
#include "bus/liveness/liveness_beat.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/liveness/liveness_entry.h"
#include "bus/liveness/pool_progress.h"
#include "penstock/actorpool/internal/pool_access.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLongestWrite{5000};
constexpr milliseconds kRemoval{500};

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

std::string NewInstance() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

std::string KeyOf(const WorkerLiveness& worker) { return absl::StrCat(worker.client_id, ".", worker.instance); }

}  // namespace

LivenessBeat::LivenessBeat(Parts parts)
    : parts_(std::move(parts)),
      timeout_(std::min(parts_.options.period, kLongestWrite)),
      worker_{.client_id = parts_.client_id,
              .instance = NewInstance(),
              .host = HostName(),
              .pid = getpid(),
              .version = PENSTOCK_VERSION,
              .started_at = std::chrono::system_clock::now(),
              .period = parts_.options.period,
              .workers = parts_.pool.Stats().workers} {
  MutexLock lock(mutex_);
  thread_ = std::thread([this] { Run(); });
}

void LivenessBeat::Stop() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stop_.request_stop();
    wake_.NotifyAll();
    thread.swap(thread_);
  }
  if (!thread.joinable()) return;
  thread.join();
  // One that stays is taken for dead, and goes with its time to live.
  if (bucket_ != nullptr) bucket_->Delete(KeyOf(worker_), {.timeout = kRemoval}).IgnoreError();
}

void LivenessBeat::Run() {
  SetThreadName("ps-beat");
  PoolProgress progress(std::chrono::steady_clock::now());
  while (!stop_.stop_requested()) {
    const auto now = std::chrono::steady_clock::now();
    const actorpool::ActorStats total = parts_.pool.Stats().Total();
    worker_.since_progress =
        std::chrono::duration_cast<milliseconds>(progress.Look(total.succeeded + total.failed, now));
    if (progress.TakeProbe()) Probe();
    LogTrouble(Beat());
    MutexLock lock(mutex_);
    while (!stop_.stop_requested() && wake_.WaitUntil(lock, now + parts_.options.period)) {
    }
  }
}

// One that a full inbox refuses, or a pool that has stopped, is no progress either.
void LivenessBeat::Probe() {
  const actorpool::internal::PoolAccess access(parts_.pool);
  actorpool::Message message{.work = [] { return absl::OkStatus(); }};
  actorpool::internal::PoolAccess::Batch(access).TryEnqueue(message, actorpool::internal::kAnyActor);
}

absl::Status LivenessBeat::Beat() {
  worker_.subscriptions = parts_.subscriptions();
  if (bucket_ == nullptr) {
    auto opened = parts_.open({.time_to_live = kLivenessLife, .replicas = parts_.replicas},
                              {.timeout = timeout_, .stop = stop_.get_token()});
    if (!opened.ok()) return opened.status();
    bucket_ = *std::move(opened);
  }
  const BucketWriteOptions options{.timeout = timeout_, .stop = stop_.get_token()};
  absl::Status written = bucket_->Put(KeyOf(worker_), WrittenBeat(worker_), options).status();
  // Opened anew the next time: somebody may have deleted it.
  if (!written.ok() && !stop_.stop_requested()) bucket_ = nullptr;
  return written;
}

void LivenessBeat::LogTrouble(const absl::Status& status) {
  if (status.ok()) warned_ = false;
  if (status.ok() || stop_.stop_requested() || std::exchange(warned_, true) || !parts_.log) return;
  parts_.log(LogLevel::kWarning,
             absl::StrCat("beat: cannot say in bucket \"", parts_.options.bucket,
                          "\" that this bus lives, it is being tried: ", std::string(status.message())));
}

}  // namespace penstock::eventbus
