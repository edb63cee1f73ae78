// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "handler_ledger.h"
#include "scenario.h"
#include "support/child_process.h"

namespace penstock::testing {

/// A scenario with consumers in processes of their own, which write one ledger.
class ConsumerProcesses : public Scenario {
 protected:
  static constexpr std::size_t kKeys = 40;

  void SetUp() override {
    UseServer();
    std::string name = (std::filesystem::temp_directory_path() / "penstock-ledger-XXXXXX").string();
    const int file = mkstemp(name.data());
    ASSERT_GE(file, 0);
    close(file);
    ledger_ = name;
    publisher_ = Connect(Options("publisher"));
    ASSERT_NE(publisher_, nullptr);
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove(ledger_, ignored);
  }

  /// A consumer that has subscribed. All have the same durable.
  std::unique_ptr<ChildProcess> StartConsumer(const std::string& server_url, int handle_us = 500) {
    const std::size_t before = Count('R');
    std::vector<std::string> command = {PENSTOCK_LEDGER_CONSUMER, "--ledger", ledger_, "--handle-us",
                                        std::to_string(handle_us)};
    if (!store_path_.empty()) command.insert(command.end(), {"--store", store_path_});
    if (cumulative_) command.push_back("--cumulative");
    auto consumer = ChildProcess::Spawn({.command = std::move(command),
                                         .environment = {{"PENSTOCK_URL", server_url},
                                                         {"PENSTOCK_METRICS_PORT", "off"},
                                                         {"PENSTOCK_LOG_LEVEL", "error"},
                                                         {"PENSTOCK_RELAY_DELAYED", relay_ ? "on" : "off"}}});
    EXPECT_THAT(consumer, IsOk());
    EXPECT_TRUE(Eventually([&] { return Count('R') > before; }, kPatience));
    return *std::move(consumer);
  }

  /// Publishes the next `per_key` events of every key, and waits until they are stored.
  void PublishMore(std::size_t per_key) {
    auto acked = std::make_shared<std::atomic<std::size_t>>(0);
    for (std::size_t n = published_; n < published_ + per_key; ++n) {
      for (std::size_t key = 0; key < kKeys; ++key) {
        const auto done = [acked](const absl::StatusOr<PubAck>& ack) { acked->fetch_add(ack.ok() ? 1 : 0); };
        ASSERT_THAT(
            publisher_->PublishEnvelopeAsync("orders", Event("k" + std::to_string(key), std::to_string(n)), done),
            IsOk());
      }
    }
    ASSERT_TRUE(Eventually([&] { return acked->load() == per_key * kKeys; }, kPatience));
    published_ += per_key;
  }
  std::size_t published() const { return published_ * kKeys; }

  std::size_t Count(char kind) const {
    const auto records = ReadLedger(ledger_);
    return static_cast<std::size_t>(
        std::count_if(records.begin(), records.end(), [kind](const auto& record) { return record.kind == kind; }));
  }
  bool EndedReaches(std::size_t count) const {
    return Eventually([&] { return Count('E') >= count; }, kPatience, std::chrono::milliseconds(20));
  }
  bool AllHandled() const {
    return Eventually([&] { return Examine(ReadLedger(ledger_), {}, {}).handled >= published(); }, 2 * kPatience,
                      std::chrono::milliseconds(100));
  }
  /// The time from `since` to the first end of a handler after it in a process that is not `except`.
  std::chrono::milliseconds NextEnd(std::int64_t since, pid_t except = 0) const {
    std::int64_t at = INT64_MAX;
    Eventually(
        [&] {
          for (const HandlerRecord& record : ReadLedger(ledger_)) {
            if (record.kind == 'E' && record.at_ns > since && record.process != except) {
              at = record.at_ns;
              return true;
            }
          }
          return false;
        },
        kPatience, std::chrono::milliseconds(20));
    return std::chrono::milliseconds((at - since) / 1'000'000);
  }

  bool cumulative_ = false;  // how the consumers acknowledge
  bool relay_ = false;       // delayed messages
  std::string ledger_;
  std::string store_path_;  // that handlers write to; empty: none
  std::unique_ptr<EventBus> publisher_;

 private:
  std::size_t published_ = 0;
};

}  // namespace penstock::testing
