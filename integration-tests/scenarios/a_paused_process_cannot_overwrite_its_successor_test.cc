// SPDX-License-Identifier: Apache-2.0
#include "consumer_processes.h"
#include "fenced_store.h"
#include "support/tcp_proxy.h"

namespace penstock::testing {
namespace {

// Two processes of one durable write to one store, which refuses fences below its own.
class APausedProcessCannotOverwriteItsSuccessor : public ConsumerProcesses {
 protected:
  // Long enough for the process to be stopped meanwhile.
  static constexpr int kHandleUs = 1'500'000;

  void SetUp() override {
    ConsumerProcesses::SetUp();
    store_path_ = ledger_ + ".store";
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove(store_path_, ignored);
    ConsumerProcesses::TearDown();
  }
  void Publish(const std::string& payload) {
    ASSERT_THAT(publisher_->PublishEnvelope("orders", Event("k0", payload)), IsOk());
  }
  // The fences of the writes that the store took ('W') or refused ('X') from this process.
  std::vector<std::uint64_t> Fences(char kind, const ChildProcess& process) const {
    std::vector<std::uint64_t> fences;
    for (const HandlerRecord& record : ReadLedger(ledger_)) {
      if (record.kind == kind && record.process == process.pid()) fences.push_back(record.number);
    }
    return fences;
  }
};

TEST_F(APausedProcessCannotOverwriteItsSuccessor, WhereTheStoreRefusesLowerFences) {
  auto proxy = TcpProxy::Start(server_->port());
  ASSERT_THAT(proxy, IsOk());
  const auto paused = StartConsumer((*proxy)->url(), kHandleUs);
  const auto successor = StartConsumer(url(), kHandleUs);
  Publish("0");
  ASSERT_TRUE(Eventually([&] { return Count('S') == 1; }, kPatience));
  paused->Stop();
  ASSERT_EQ(Count('W'), 0U) << "it was stopped in its handler";
  (*proxy)->ServerIsAt(0);
  ASSERT_GE((*proxy)->Cut(), 1U);

  ASSERT_TRUE(Eventually([&] { return Fences('W', *successor).size() == 1; }, kPatience));
  const std::uint64_t fence = Fences('W', *successor).front();
  EXPECT_GT(fence, 0U);
  EXPECT_EQ(FencedStore(store_path_).Fence(), fence);

  (*proxy)->ServerIsAt(server_->port());
  paused->Signal(SIGCONT);
  ASSERT_TRUE(Eventually([&] { return Fences('X', *paused).size() == 1; }, kPatience));
  EXPECT_GT(Fences('X', *paused).front(), 0U);
  EXPECT_LT(Fences('X', *paused).front(), fence);
  EXPECT_EQ(FencedStore(store_path_).Fence(), fence);

  Publish("1");
  ASSERT_TRUE(Eventually([&] { return Fences('W', *successor).size() == 2; }, kPatience));
  EXPECT_EQ(Fences('W', *successor).back(), fence);
  EXPECT_TRUE(Fences('W', *paused).empty());
}

}  // namespace
}  // namespace penstock::testing
