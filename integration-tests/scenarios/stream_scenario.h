// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "penstock/actorpool/actor_pool.h"
#include "penstock/actorpool/stream_registry.h"
#include "scenarios/gate.h"
#include "support/eventually.h"
#include "support/status_matchers.h"

namespace penstock::testing {

/// Streams of texts over a pool with two workers. It has one actor, so that by the hash of its ID every stream would be
/// behind every other.
class StreamScenario : public ::testing::Test {
 protected:
  static constexpr std::chrono::seconds kPatience{60};
  using Registry = actorpool::StreamRegistry<std::string>;

  Registry::Callback Logging(std::string id) {
    return [this, id = std::move(id)](std::string text) {
      Log(id, std::move(text));
      return absl::OkStatus();
    };
  }

  /// The same, and each message first waits until the gate is open.
  Registry::Callback LoggingBehindGate(std::string id) {
    return [this, id = std::move(id), opened = gate_.opened()](std::string text) {
      EXPECT_EQ(opened.wait_for(kPatience), std::future_status::ready);
      Log(id, std::move(text));
      return absl::OkStatus();
    };
  }

  void Log(const std::string& id, std::string text) {
    const std::lock_guard lock(mutex_);
    handled_[id].push_back(std::move(text));
    ++count_;
  }

  std::vector<std::string> Handled(const std::string& id) {
    const std::lock_guard lock(mutex_);
    return handled_[id];
  }

  bool Reaches(std::size_t count) {
    return Eventually(
        [&] {
          const std::lock_guard lock(mutex_);
          return count_ >= count;
        },
        kPatience);
  }

  std::vector<std::string> Lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  /// Passes a text on that may be refused, and is then left as it was.
  absl::Status Offer(const std::string& id, std::string& text, std::chrono::milliseconds timeout = {}) {
    return registry_->Dispatch(id, std::move(text), timeout);
  }

  static std::vector<std::string> Numbers(int count) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(std::to_string(i));
    return numbers;
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>> handled_;
  std::size_t count_ = 0;
  std::vector<std::string> lines_;
  std::unique_ptr<actorpool::ActorPool> pool_ = actorpool::ActorPool::Create({.actors = 1, .workers = 2}).value();
  std::unique_ptr<Registry> registry_ = Registry::Create(*pool_, {.log = [this](LogLevel, std::string_view line) {
                                          const std::lock_guard lock(mutex_);
                                          lines_.emplace_back(line);
                                        }}).value();
  Gate gate_;
};

}  // namespace penstock::testing
