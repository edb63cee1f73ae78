// SPDX-License-Identifier: Apache-2.0
// A service that keeps everything in static storage, and whose children end with `exit`: their destructors run over
// what is the parent's. Says how the children ended, and whether it can still do its work.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <string>

#include "penstock/penstock.h"
#include "support/eventually.h"

namespace {

using penstock::Ack;
using penstock::Delivery;
using penstock::Envelope;

constexpr std::chrono::seconds kPatience(20);

// Destroyed by `exit` from the last to the first: the bus before what was obtained from it, which is the harder case.
std::unique_ptr<penstock::Bucket> bucket;
std::unique_ptr<penstock::BucketWatch> watch;
penstock::DeferredOutcome token;
std::unique_ptr<penstock::EventBus> bus;
std::unique_ptr<penstock::Service> service;
std::unique_ptr<penstock::actorpool::ActorPool> pool;
std::unique_ptr<penstock::metrics::HttpEndpoint> endpoint;

/// The end of a child that calls `exit` at once: its exit code, 128 + the signal that ended it, or -1: it hung.
int FateOfAChild() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) std::exit(7);
  int status = 0;
  const auto ended = [&] { return waitpid(child, &status, WNOHANG) == child; };
  if (!penstock::testing::Eventually(ended, kPatience)) {
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

template <typename Made>
auto Must(absl::StatusOr<Made> made) {
  if (made.ok()) return *std::move(made);
  std::fprintf(stderr, "%s\n", made.status().ToString().c_str());
  std::_Exit(1);
}

bool Publish(const std::string& payload) {
  return bus->PublishEnvelope("orders", {.aggregate_id = payload, .event_type = "Tested", .payload = payload}).ok();
}

std::uint64_t Acked() {
  std::uint64_t acked = 0;
  for (const auto& subscription : bus->Stats().subscriptions) acked += subscription.acked;
  return acked;
}

}  // namespace

int main(int, char** arguments) {
  const penstock::BusOptions options{.url = arguments[1], .client_id = "parent", .pool = {.workers = 2}};
  pool = Must(penstock::actorpool::ActorPool::Create({.workers = 2}));
  endpoint = Must(penstock::metrics::HttpEndpoint::Listen({}));
  service = Must(penstock::Service::Create({.bus = options, .metrics_port = 0}));
  bus = Must(penstock::EventBus::Connect(options));
  bucket = Must(bus->Bucket("states"));
  watch = Must(bucket->Watch(">", {.on_entry = [](const penstock::BucketEntry&) {}}));
  std::promise<int> fate_in_handler;
  std::promise<void> deferred;
  Must(bus->SubscribeEnvelope("orders", [&](const Envelope& event, const Delivery& delivery) -> penstock::Outcome {
    if (event.payload == "fork") fate_in_handler.set_value(FateOfAChild());
    if (event.payload != "defer") return Ack();
    token = delivery.Defer();
    deferred.set_value();
    return penstock::Deferred();
  }));
  Publish("defer");
  deferred.get_future().wait();
  std::printf("from main: %d\n", FateOfAChild());
  Publish("fork");
  std::printf("from a handler: %d\n", fate_in_handler.get_future().get());
  const bool settled = token.Settle(Ack()).ok();
  const bool works = Publish("after") && bucket->Put("k", "v").ok() &&
                     penstock::testing::Eventually([] { return Acked() == 3; }, kPatience);
  std::printf("token settled: %d, bus works: %d, reconnects: %d\n", settled, works,
              static_cast<int>(bus->Stats().connection.reconnects));
  std::fflush(nullptr);
  std::_Exit(0);
}
