// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "scenario.h"
#include "support/child_process.h"

namespace penstock::testing {
namespace {

TEST(AKilledProcess, IsToldDeadAndItsSuccessorAlive) {
  const auto server = NatsServer::Launch();
  ASSERT_THAT(server, IsOk());
  const std::map<std::string, std::string> environment = {{"PENSTOCK_URL", (*server)->url()},
                                                          {"PENSTOCK_METRICS_PORT", "off"},
                                                          {"PENSTOCK_LIVENESS_BEAT", "on"},
                                                          {"PENSTOCK_LIVENESS_PERIOD_MS", "200"}};
  const auto spawn = [&] {
    auto child = ChildProcess::Spawn({.command = {PENSTOCK_EXAMPLE_ACTORS_HOST}, .environment = environment});
    EXPECT_THAT(child, IsOk());
    return *std::move(child);
  };
  const auto bus = EventBus::Connect({.url = (*server)->url(), .client_id = "asker"});
  ASSERT_THAT(bus, IsOk());
  const auto is = [&](pid_t pid, WorkerState state) {
    return Eventually(
        [&] {
          const auto workers = (*bus)->Liveness();
          return workers.ok() && std::ranges::any_of(*workers, [&](const WorkerLiveness& worker) {
                   return worker.pid == pid && worker.state == state;
                 });
        },
        kPatience);
  };
  const auto first = spawn();
  EXPECT_TRUE(is(first->pid(), WorkerState::kAlive));
  first->Stop();
  EXPECT_TRUE(is(first->pid(), WorkerState::kDead)) << "a frozen process is as good as dead";
  first->Signal(SIGCONT);
  EXPECT_TRUE(is(first->pid(), WorkerState::kAlive));
  first->End(SIGKILL);
  const auto second = spawn();
  EXPECT_TRUE(is(first->pid(), WorkerState::kDead));
  EXPECT_TRUE(is(second->pid(), WorkerState::kAlive));
  second->Signal(SIGTERM);
  EXPECT_EQ(second->Await(), 0);
  const auto workers = (*bus)->Liveness();
  ASSERT_THAT(workers, IsOk());
  for (const WorkerLiveness& worker : *workers) EXPECT_NE(worker.pid, second->pid()) << "it ended in order";
}

}  // namespace
}  // namespace penstock::testing
