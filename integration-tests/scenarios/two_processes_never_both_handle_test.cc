// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "consumer_processes.h"
#include "support/tcp_proxy.h"

namespace penstock::testing {
namespace {

// One durable, two processes, each behind a proxy of its own; what is done is done to the one that owns the durable.
class TwoProcessesNeverBothHandle : public ConsumerProcesses {
 protected:
  struct Side {
    std::unique_ptr<TcpProxy> proxy{};
    std::unique_ptr<ChildProcess> consumer{};
  };

  void SetUp() override {
    ConsumerProcesses::SetUp();
    for (Side& side : sides_) {
      auto proxy = TcpProxy::Start(server_->port());
      ASSERT_THAT(proxy, IsOk());
      side.proxy = *std::move(proxy);
      side.consumer = StartConsumer(side.proxy->url());
    }
    PublishMore(400);
  }

  Side& Owner() {
    pid_t owner = 0;
    for (const HandlerRecord& record : ReadLedger(ledger_)) owner = record.kind == 'S' ? record.process : owner;
    return sides_[0].consumer->pid() == owner ? sides_[0] : sides_[1];
  }
  void AwaitProgress() { EXPECT_TRUE(EndedReaches(Count('E') + 300)); }
  // Closes the owner's way to the server until the other has gone on.
  void CutOff(Side& owner) {
    faults_.push_back(MonotonicNs());
    owner.proxy->ServerIsAt(0);
    EXPECT_GE(owner.proxy->Cut(), 1U);
    EXPECT_LT(NextEnd(faults_.back(), owner.consumer->pid()), kPatience);
  }

  std::array<Side, 2> sides_{};
  std::vector<std::int64_t> faults_;
  std::vector<Wake> wakes_;
};

TEST_F(TwoProcessesNeverBothHandle, WhateverIsDoneToTheOwner) {
  for (int round = 0; round < 4; ++round) {
    AwaitProgress();
    Side& owner = Owner();
    const bool stopped = round % 2 == 1;
    if (stopped) owner.consumer->Signal(SIGSTOP);
    CutOff(owner);
    AwaitProgress();
    faults_.push_back(MonotonicNs());
    owner.proxy->ServerIsAt(server_->port());
    if (!stopped) continue;
    wakes_.push_back({.process = owner.consumer->pid(), .at_ns = MonotonicNs()});
    owner.consumer->Signal(SIGCONT);
  }
  ASSERT_TRUE(AllHandled());
  const LedgerFindings found = Examine(ReadLedger(ledger_), {}, faults_, wakes_);
  EXPECT_THAT(found.overlaps, ::testing::IsEmpty());
  EXPECT_THAT(found.violations, ::testing::IsEmpty());
  EXPECT_EQ(found.handled, published());
}

// Nothing tells the owner that it sleeps, and the server keeps the durable for it.
TEST_F(TwoProcessesNeverBothHandle, AStopThatTheServerDoesNotNoticeChangesNothing) {
  AwaitProgress();
  Side& owner = Owner();
  faults_.push_back(MonotonicNs());
  owner.consumer->Signal(SIGSTOP);
  const std::size_t before = Count('E');
  EXPECT_FALSE(Eventually([&] { return Count('E') > before + 4; }, std::chrono::milliseconds(1500)));
  owner.consumer->Signal(SIGCONT);
  ASSERT_TRUE(AllHandled());
  const LedgerFindings found = Examine(ReadLedger(ledger_), {}, faults_);
  EXPECT_THAT(found.overlaps, ::testing::IsEmpty());
  EXPECT_THAT(found.violations, ::testing::IsEmpty());
  EXPECT_EQ(found.reruns, 0U);
}

}  // namespace
}  // namespace penstock::testing
