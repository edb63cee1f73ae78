// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/bucket.h"

namespace penstock::eventbus::contract {

/// Keeps what a watch reports, for a test to wait for. Thread-safe; outlives the watch.
class WatchRecorder {
 public:
  static constexpr std::chrono::seconds kPatience{30};

  /// `then` is called with each entry, after it was kept.
  BucketWatchEvents Events(std::function<void(const BucketEntry&)> then = {}) {
    return {.on_entry =
                [this, then = std::move(then)](const BucketEntry& entry) {
                  Keep(entry);
                  if (then) then(entry);
                },
            .on_up_to_date =
                [this] {
                  MutexLock lock(mutex_);
                  log_.emplace_back("up to date");
                  ++up_to_date_;
                  changed_.NotifyAll();
                }};
  }

  /// Whether the watch gets up to date in time, that often.
  bool ReachUpToDate(std::size_t times = 1) {
    return Wait([&] { return up_to_date_ >= times; });
  }
  /// Whether an entry with this text (see `Log`) is reported in time.
  bool Reach(const std::string& text) {
    return Wait([&] { return std::ranges::find(log_, text) != log_.end(); });
  }
  /// `<key>=<value>`, `-<key>` for a deletion, `--<key>` for a purge, `up to date`.
  std::vector<std::string> Log() {
    MutexLock lock(mutex_);
    return log_;
  }
  std::vector<BucketEntry> Entries() {
    MutexLock lock(mutex_);
    return entries_;
  }

 private:
  void Keep(const BucketEntry& entry) {
    MutexLock lock(mutex_);
    entries_.push_back(entry);
    const bool put = entry.operation == BucketOperation::kPut;
    const char* const mark = entry.operation == BucketOperation::kDelete ? "-" : "--";
    log_.push_back(put ? absl::StrCat(entry.key, "=", entry.value) : absl::StrCat(mark, entry.key));
    changed_.NotifyAll();
  }
  template <typename Condition>
  bool Wait(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    MutexLock lock(mutex_);
    while (!condition()) {
      if (!changed_.WaitUntil(lock, deadline)) return condition();
    }
    return true;
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<std::string> log_{};
  std::vector<BucketEntry> entries_{};
  std::size_t up_to_date_ = 0;
};

}  // namespace penstock::eventbus::contract
