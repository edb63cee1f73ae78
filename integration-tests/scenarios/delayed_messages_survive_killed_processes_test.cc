// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <utility>

#include "consumer_processes.h"

namespace penstock::testing {
namespace {

using std::chrono::milliseconds;

// The consumers are those that relay, too.
class DelayedMessagesSurvive : public ConsumerProcesses {
 protected:
  static constexpr int kPerKey = 60;
  using Event = std::pair<std::string, std::uint64_t>;

  /// Events of a key are due one after the other, up to four seconds from now.
  void PublishDelayed() {
    auto acked = std::make_shared<std::atomic<int>>(0);
    for (int n = 0; n < kPerKey; ++n) {
      for (std::size_t key = 0; key < kKeys; ++key) {
        const milliseconds delay(100 + n * 65 + static_cast<int>(key));
        const std::string name = "k" + std::to_string(key);
        due_ns_[{name, n}] = MonotonicNs() + std::chrono::nanoseconds(delay).count();
        const auto done = [acked](const absl::StatusOr<PubAck>& ack) { acked->fetch_add(ack.ok() ? 1 : 0); };
        ASSERT_THAT(
            publisher_->PublishEnvelopeAsync("orders", testing::Event(name, std::to_string(n)), done, {.delay = delay}),
            IsOk());
      }
    }
    ASSERT_TRUE(Eventually([&] { return acked->load() == static_cast<int>(due_ns_.size()); }, kPatience));
  }
  bool HandledReaches(std::size_t share_of_four) const {
    return Eventually(
        [&] { return Examine(ReadLedger(ledger_), {}, {}).handled >= due_ns_.size() * share_of_four / 4; },
        2 * kPatience, milliseconds(20));
  }
  void Kill(std::unique_ptr<ChildProcess> consumer) {
    killed_.insert(consumer->pid());
    consumer->Signal(SIGKILL);
    faults_.push_back(MonotonicNs());
  }
  /// Events that were handled again, though the process that had handled them lived.
  std::size_t RunAgain() const {
    std::map<Event, pid_t> ended;
    std::size_t again = 0;
    for (const HandlerRecord& record : ReadLedger(ledger_)) {
      if (record.kind != 'E') continue;
      const auto [first, is_first] = ended.try_emplace({record.key, record.number}, record.process);
      if (!is_first && !killed_.contains(first->second)) ++again;
    }
    return again;
  }
  std::size_t Early() const {
    std::size_t early = 0;
    for (const HandlerRecord& record : ReadLedger(ledger_)) {
      if (record.kind == 'S' && record.at_ns < due_ns_.at({record.key, record.number})) ++early;
    }
    return early;
  }

  std::map<Event, std::int64_t> due_ns_;
  std::set<pid_t> killed_;
  std::vector<std::int64_t> faults_;
};

TEST_F(DelayedMessagesSurvive, AKilledConsumerAKilledRelayAndAKilledServer) {
  relay_ = true;
  auto first = StartConsumer(server_->url());
  auto second = StartConsumer(server_->url());
  PublishDelayed();
  ASSERT_TRUE(HandledReaches(1));
  Kill(std::move(first));
  ASSERT_TRUE(HandledReaches(2));
  server_->Kill();
  faults_.push_back(MonotonicNs());
  ASSERT_THAT(server_->Start(), IsOk());
  auto third = StartConsumer(server_->url());
  ASSERT_TRUE(HandledReaches(3));
  Kill(std::move(second));
  EXPECT_TRUE(HandledReaches(4)) << "of " << due_ns_.size();
  const LedgerFindings findings = Examine(ReadLedger(ledger_), killed_, faults_);
  EXPECT_EQ(findings.handled, due_ns_.size());
  EXPECT_THAT(findings.violations, ::testing::IsEmpty());
  EXPECT_THAT(findings.overlaps, ::testing::IsEmpty());
  EXPECT_EQ(RunAgain(), 0u);
  EXPECT_EQ(Early(), 0u);
}

}  // namespace
}  // namespace penstock::testing
