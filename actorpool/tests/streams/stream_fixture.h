// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/stream_registry.h"
#include "tests/gate.h"

namespace penstock::actorpool {

inline constexpr std::chrono::seconds kPatience{60};

/// Collects log lines.
class Lines {
 public:
  LogSink sink() {
    return [this](LogLevel level, std::string_view line) {
      MutexLock lock(mutex_);
      lines_.emplace_back(level, line);
    };
  }
  std::vector<std::pair<LogLevel, std::string>> all() {
    MutexLock lock(mutex_);
    return lines_;
  }

 private:
  Mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_ ABSL_GUARDED_BY(mutex_);
};

/// A registry of numbers over a pool with one actor and two workers. The last members are destroyed first, so that
/// callbacks may refer to the others.
class StreamTest : public ::testing::Test {
 protected:
  using Registry = StreamRegistry<int>;

  void SetUp() override { Open({}); }
  /// Whatever a failed test left behind a gate ends.
  void TearDown() override { release_.Pass(1'000'000); }

  void Open(StreamRegistryOptions options, std::size_t workers = 2) {
    registry_.reset();
    pool_ = ActorPool::Create({.actors = 1, .workers = workers}).value();
    options.log = lines_.sink();
    registry_ = Registry::Create(*pool_, std::move(options)).value();
  }

  /// A callback that notes its messages under `id`.
  Registry::Callback Noting(std::string id) {
    return [this, id = std::move(id)](int number) {
      Note(id, number);
      return absl::OkStatus();
    };
  }

  /// The same, and each message first waits for `release_`.
  Registry::Callback Waiting(std::string id) {
    return [this, id = std::move(id)](int number) {
      began_.Pass();
      EXPECT_TRUE(release_.Await(1, kPatience));
      Note(id, number);
      return absl::OkStatus();
    };
  }

  void Note(const std::string& id, int number) {
    {
      MutexLock lock(mutex_);
      handled_[id].push_back(number);
    }
    ended_.Pass();
  }

  std::vector<int> Handled(const std::string& id) {
    MutexLock lock(mutex_);
    return handled_[id];
  }

  void Register(const std::string& id, Registry::Callback callback, const StreamOptions& options = {}) {
    const absl::Status status = registry_->Register(id, std::move(callback), options);
    ASSERT_TRUE(status.ok()) << status;
  }

  void Dispatch(const std::string& id, int number) {
    const absl::Status status = registry_->Dispatch(id, number);
    ASSERT_TRUE(status.ok()) << status;
  }

  /// Numbers from 0.
  void DispatchMany(const std::string& id, int count) {
    for (int i = 0; i < count; ++i) Dispatch(id, i);
  }

  /// Waits until the streams have nothing left to do, and closes the registry.
  StreamDrainReport Drained() {
    const auto report = registry_->Drain(kPatience);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(StreamDrainReport{});
  }

  static std::vector<int> Numbers(int count) {
    std::vector<int> numbers;
    for (int i = 0; i < count; ++i) numbers.push_back(i);
    return numbers;
  }

  Lines lines_;
  Gate began_;
  Gate release_;
  Gate ended_;
  Mutex mutex_;
  std::map<std::string, std::vector<int>> handled_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<ActorPool> pool_;
  std::unique_ptr<Registry> registry_;
};

}  // namespace penstock::actorpool
