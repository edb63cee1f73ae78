// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <future>

namespace penstock::testing {

/// A gate that handlers wait at. Opens when it is destroyed, thus declared after the bus whose handler waits.
/// Thread-safe.
class Gate {
 public:
  ~Gate() { Open(); }
  void Open() {
    if (!opened_.exchange(true)) promise_.set_value();
  }
  std::shared_future<void> opened() const { return future_; }

 private:
  std::atomic<bool> opened_{false};
  std::promise<void> promise_;
  const std::shared_future<void> future_ = promise_.get_future().share();
};

}  // namespace penstock::testing
