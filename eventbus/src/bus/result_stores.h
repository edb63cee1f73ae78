// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "bus/result_store.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/event_bus.h"
#include "penstock/eventbus/result.h"

namespace penstock::eventbus {

/// The stores whose results a bus awaits. Each is opened when it is first asked for and kept: the next wait opens
/// nothing. At most `kMost` are kept; one that nobody has asked for in `kKeptFor`, or whose bucket is found deleted, is
/// forgotten.
///
/// **Thread safety:** thread-safe. **Blocking:** `Await`; `Tick` for the thread of a watch that it ends.
/// **Shutdown:** `Close` ends all waits.
class ResultStores {
 public:
  using TimePoint = EntryWaits::TimePoint;
  static constexpr std::size_t kMost = 64;
  static constexpr std::chrono::minutes kKeptFor{1};

  /// As `EventBus::AwaitResult`, with names that were checked. A bucket that was deleted is made anew.
  absl::StatusOr<Result> Await(EventBus& bus, std::string_view topic, std::string_view durable,
                               std::string_view event_id, std::chrono::milliseconds timeout,
                               const ResultOptions& options);

  /// Ends watches that nobody needs, and forgets stores.
  void Tick(TimePoint now);
  void Close();

 private:
  /// Topic, durable, bucket, time to live.
  using Key = std::tuple<std::string, std::string, std::string, std::chrono::milliseconds>;
  using Store = std::shared_ptr<ResultStore>;
  struct Kept {
    Store store{};
    TimePoint asked_for{};
  };
  using KeptStores = std::map<Key, Kept>;

  /// Threads that ask for a new one at once each open it, so that none waits longer than its own request takes.
  absl::StatusOr<Store> Opened(EventBus& bus, const Key& key, const ResultOptions& options);
  absl::StatusOr<Result> AwaitOpened(EventBus& bus, const Key& key, std::string_view event_id, TimePoint deadline,
                                     const ResultOptions& options);
  Store Find(const Key& key);
  bool closed();
  absl::StatusOr<Store> Keep(const Key& key, Store store);
  void Forget(const Key& key, const Store& store);

  Mutex mutex_;
  KeptStores kept_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock::eventbus
