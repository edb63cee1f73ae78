// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace penstock::testing {

/// Runs `body` in a process of its own, forked from this one, which must have no threads. Its expectations count for
/// the test. The test fails as well when the process crashes, or has not ended after `limit`: then it is killed, and
/// the call of `Within` that it was in is named.
void RunIsolated(std::chrono::milliseconds limit, const std::function<void()>& body);

/// Notes what the process is doing, for `RunIsolated` to tell when it never ends.
void NoteCall(const std::string& call);

/// Makes a call and expects it to return within `limit`; returns what it returns.
template <typename Call>
auto Within(std::chrono::milliseconds limit, const std::string& name, Call call) {
  struct Timer {
    ~Timer() {
      const auto taken =
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
      EXPECT_LE(taken.count(), limit.count()) << name << ", in ms";
      NoteCall("after " + name);
    }
    const std::string& name;
    std::chrono::milliseconds limit;
    std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  };
  NoteCall(name);
  const Timer timer{name, limit};
  return std::move(call)();
}

}  // namespace penstock::testing
