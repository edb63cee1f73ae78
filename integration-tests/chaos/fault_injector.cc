// SPDX-License-Identifier: Apache-2.0
#include "chaos/fault_injector.h"

#include <csignal>
#include <vector>

#include "chaos/ledger.h"
#include "support/eventually.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::seconds kStopTimeout(2);
constexpr std::chrono::seconds kStandbyTimeout(20);

bool SaysReady(LedgerReader& ledger) {
  for (const Record& record : ledger.ReadNew()) {
    if (record.kind == Entry::kReady) return true;
  }
  return false;
}

}  // namespace

absl::Status FaultInjector::Begin(const Fault& fault) {
  const Flow up = fault.one_way ? Flow::kForward : Flow::kHold;
  switch (fault.kind) {
    case FaultKind::kServerKilled:
      return KillServer();
    case FaultKind::kServerStopped:
      return Stop(rig_.server().pid());
    case FaultKind::kConsumerKilled:
      return KillConsumer();
    case FaultKind::kConsumerStopped:
      return Stop(rig_.consumer().pid());
    case FaultKind::kConsumerReplaced:
      return ReplaceConsumer();
    case FaultKind::kStandbyTakesOver:
      return ReplaceConsumerByStandby();
    case FaultKind::kPublisherKilled:
      return KillPublisher();
    case FaultKind::kPublisherStopped:
      return Stop(rig_.publisher().pid());
    case FaultKind::kConsumerCut:
      return Cut(rig_.consumer_wire(), fault);
    case FaultKind::kPublisherCut:
      return Cut(rig_.publisher_wire(), fault);
    case FaultKind::kBothCut: {
      absl::Status status = Cut(rig_.consumer_wire(), fault);
      return status.ok() ? Cut(rig_.publisher_wire(), fault) : status;
    }
    case FaultKind::kConsumerBlackHoled:
      return SetFlow(rig_.consumer_wire(), up, Flow::kHold);
    case FaultKind::kPublisherBlackHoled:
      return SetFlow(rig_.publisher_wire(), up, Flow::kHold);
    case FaultKind::kConsumerSlowed:
      return SetFlow(rig_.consumer_wire(), Flow::kTrickle, Flow::kTrickle);
    case FaultKind::kConsumerDeleted:
      return rig_.DeleteConsumer();
  }
  return absl::InternalError("begin a fault: its kind is unknown");
}

absl::Status FaultInjector::End(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kServerKilled:
      return rig_.server().Start();
    case FaultKind::kServerStopped:
      rig_.server().Resume();
      return absl::OkStatus();
    case FaultKind::kConsumerStopped:
      rig_.consumer().Signal(SIGCONT);
      return absl::OkStatus();
    case FaultKind::kPublisherStopped:
      rig_.publisher().Signal(SIGCONT);
      return absl::OkStatus();
    case FaultKind::kConsumerBlackHoled:
    case FaultKind::kConsumerSlowed:
      return EndFlow(rig_.consumer_wire());
    case FaultKind::kPublisherBlackHoled:
      return EndFlow(rig_.publisher_wire());
    default:
      return absl::OkStatus();  // over when it had begun
  }
}

absl::Status FaultInjector::Stop(pid_t pid) {
  kill(pid, SIGSTOP);
  const bool stopped =
      testing::Eventually([pid] { return testing::Stopped(pid); }, kStopTimeout, std::chrono::milliseconds(1));
  return stopped ? absl::OkStatus() : absl::InternalError("stop a process: SIGSTOP had no effect");
}

absl::Status FaultInjector::KillServer() {
  if (!rig_.server().running()) return absl::FailedPreconditionError("kill the server: it does not run");
  rig_.server().Kill();
  return absl::OkStatus();
}

absl::Status FaultInjector::KillConsumer() {
  absl::Status killed = rig_.KillConsumer(rig_.consumers().size() - 1);
  return killed.ok() ? rig_.StartConsumer() : killed;
}

absl::Status FaultInjector::KillPublisher() {
  absl::Status killed = rig_.KillPublisher();
  return killed.ok() ? rig_.StartPublisher() : killed;
}

absl::Status FaultInjector::ReplaceConsumer() {
  absl::Status ended = rig_.EndConsumer();
  return ended.ok() ? rig_.StartConsumer() : ended;
}

absl::Status FaultInjector::ReplaceConsumerByStandby() {
  const std::size_t owner = rig_.consumers().size() - 1;
  if (absl::Status started = rig_.StartConsumer(); !started.ok()) return started;
  LedgerReader ledger(rig_.consumers().back().ledger.string());
  if (!testing::Eventually([&] { return SaysReady(ledger); }, kStandbyTimeout)) {
    return absl::DeadlineExceededError("let a consumer stand by: it was not ready within 20s");
  }
  return rig_.KillConsumer(owner);
}

absl::Status FaultInjector::Cut(testing::TcpProxy& wire, const Fault& fault) {
  const auto ending = fault.half_close ? Ending::kHalfClose : Ending::kReset;
  return wire.Cut(ending) > 0 ? absl::OkStatus() : absl::FailedPreconditionError("cut connections: there were none");
}

absl::Status FaultInjector::SetFlow(testing::TcpProxy& wire, Flow to_server, Flow to_client) {
  if (wire.connections() == 0) return absl::FailedPreconditionError("hold connections up: there were none");
  wire.SetFlow(to_server, to_client);
  return absl::OkStatus();
}

// Cut while it still holds, so that what it held is gone.
absl::Status FaultInjector::EndFlow(testing::TcpProxy& wire) {
  wire.Cut(Ending::kReset);
  wire.SetFlow(Flow::kForward, Flow::kForward);
  return absl::OkStatus();
}

}  // namespace penstock::chaos
