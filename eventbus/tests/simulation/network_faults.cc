// SPDX-License-Identifier: Apache-2.0
// What happens to servers.
#include <chrono>
#include <utility>

#include "simulation/network.h"

namespace penstock::eventbus::simulation {
namespace {

constexpr std::chrono::milliseconds kYoung{2000};

}  // namespace

void Network::Resume() {
  paused_ = false;
  for (const auto& [link, what] : std::exchange(waiting_, {})) AtServer(link, what);
  Pump();
}

void Network::Lost() {
  ++losses_;
  main_.server.Crash(event_queue_.now());
}

void Network::Kill() {
  up_ = false;
  paused_ = false;
  waiting_.clear();
  connections_.clear();
  // A consumer without acknowledgements is kept in memory.
  if (!scenario_.flow.acknowledges) return main_.server.DeleteConsumer();
  Lost();
}

bool Network::DeleteByOperator() {
  if (!main_.server.has_consumer() || event_queue_.now() - made_at_ < kYoung) return false;
  deleted_ = true;
  DeleteConsumer();
  return true;
}

void Network::MakeStreamAgain() {
  ++stream_generation_;
  main_.server.MakeStreamAgain();
  ledger_.StreamMadeAgain();
  main_.inbox = 0;
  lag_ = 0;
  stale_.reset();
}

void Network::Isolate(std::size_t server) {
  cluster_.Isolate(server);
  stale_bucket_ = bucket_;
  if (server == cluster_.leader()) stale_ = main_;
}

void Network::CutRouteBesides(std::size_t server) { cluster_.CutRouteBesides(server); }

// The new leader may not have what the last one took in just now.
void Network::Elect() {
  std::size_t leader = cluster_.leader();
  while (leader == cluster_.leader() || cluster_.IsIsolated(leader)) leader = random_.Below(Cluster::kServers);
  cluster_.Elect(leader);
  const std::uint64_t delivered = main_.server.delivered();
  Lost();
  if (scenario_.elects_old && random_.PerMille(300)) {
    trace_.Note("the new leader has an old state");
    main_.server.FallBack(event_queue_.now());
  }
  if (main_.server.delivered() != delivered) {
    for (auto& [link, connection] : connections_) connection.gap = true;
  }
  Pump();
}

void Network::Heal() {
  for (auto& [link, connection] : connections_) {
    connection.gap = connection.gap || !cluster_.Reaches(connection.server);
  }
  cluster_.Heal();
  stale_.reset();
  Pump();
}

}  // namespace penstock::eventbus::simulation
