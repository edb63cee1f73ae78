// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bus/read/read_channel.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/eventbus/stats.h"

namespace penstock::eventbus {

/// The readers of one bus. **Thread safety:** thread-safe. **Blocking:** as `ReadChannel::End`.
/// **Shutdown:** `EndAll`, before the transport is closed.
class ReaderSet {
 public:
  /// False once all were ended.
  bool Add(std::shared_ptr<ReadChannel> channel);
  /// Lets go of those that have ended; what they counted is kept.
  void Sweep();
  /// Ends all, and refuses others from now on. What waits can still be read.
  void EndAll();
  /// Adds to `subscriptions` and `ended_subscriptions`.
  void AddStats(BusStats& stats) const;

 private:
  using Shared = std::shared_ptr<ReadChannel>;

  mutable Mutex mutex_;
  std::vector<Shared> open_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, SubscriptionStats> ended_
      ABSL_GUARDED_BY(mutex_);  // by topic and durable
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock::eventbus
