// SPDX-License-Identifier: Apache-2.0
// The cost of dispatching a message to its actor, end to end: one producer, 256 inboxes of 1,000, hashed keys, handlers
// that do nothing. Time runs from the first message sent to the last one settled.
#include <array>
#include <chrono>
#include <string>

#include "benchmark/benchmark.h"
#include "penstock/actorpool/actor_pool.h"

namespace penstock::actorpool {
namespace {

constexpr int kMessages = 1'000'000;

std::array<std::string, 512> Keys() {
  std::array<std::string, 512> keys;
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] = "package-" + std::to_string(i * 7919);
  return keys;
}

absl::Status SendAll(ActorPool& pool, const std::array<std::string, 512>& keys) {
  for (int i = 0; i < kMessages; ++i) {
    absl::Status status = pool.ProcessMessage(
        {.key = keys[static_cast<std::size_t>(i) % keys.size()], .work = [] { return absl::OkStatus(); }},
        std::chrono::seconds(10));
    if (!status.ok()) return status;
  }
  return pool.Drain(std::chrono::seconds(10));
}

void Dispatch(benchmark::State& state) {
  const auto keys = Keys();
  for (auto _ : state) {
    state.PauseTiming();
    auto pool = ActorPool::Create({.name = "bench", .workers = static_cast<std::size_t>(state.range(0))}).value();
    state.ResumeTiming();
    const absl::Status status = SendAll(*pool, keys);
    if (!status.ok()) state.SkipWithError(status.ToString().c_str());
  }
  state.SetItemsProcessed(state.iterations() * kMessages);
}
BENCHMARK(Dispatch)->ArgName("workers")->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMillisecond);

void RouteByKey(benchmark::State& state) {
  const auto keys = Keys();
  auto pool = ActorPool::Create({.name = "bench", .workers = 1}).value();
  std::size_t asked = 0;
  for (auto _ : state) benchmark::DoNotOptimize(pool->ActorFor(keys[asked++ % keys.size()]));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(RouteByKey);

}  // namespace
}  // namespace penstock::actorpool
