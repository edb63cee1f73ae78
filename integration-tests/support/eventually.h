// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace penstock::testing {

/// Asks `predicate` again and again until it is true or `deadline` has passed; returns its last answer. For conditions
/// of another process, which cannot notify; what happens in this one is awaited with a condition variable or a future.
template <typename Predicate>
bool Eventually(Predicate predicate, std::chrono::milliseconds deadline,
                std::chrono::milliseconds interval = std::chrono::milliseconds(5)) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  std::mutex mutex;
  std::condition_variable never_notified;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= until) return predicate();
    std::unique_lock<std::mutex> lock(mutex);
    never_notified.wait_for(lock, interval);
  }
  return true;
}

}  // namespace penstock::testing
