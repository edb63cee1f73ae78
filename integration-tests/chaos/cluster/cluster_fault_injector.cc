// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_fault_injector.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "chaos/jetstream_api.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"

namespace penstock::chaos {
namespace {

using Kind = ClusterFaultKind;
using testing::RoutedCluster;

constexpr std::chrono::seconds kLeadersTimeout(60);
constexpr std::chrono::seconds kCaughtUpTimeout(90);
constexpr std::chrono::seconds kElectionTimeout(10);
constexpr std::chrono::seconds kReloadTimeout(10);
constexpr std::chrono::seconds kGivenBackTimeout(10);
constexpr int kStepDowns = 12;  // two in three lead elsewhere: all of them are that unlucky once in 130 faults

}  // namespace

ClusterFaultInjector::ClusterFaultInjector(ClusterRig& rig, std::vector<std::string> releases, Await await)
    : rig_(rig), releases_(std::move(releases)), await_(std::move(await)) {}

absl::StatusOr<Scene> ClusterFaultInjector::Prepare(const ClusterFault& fault, std::size_t owner) {
  Scene scene{.owner = owner};
  const std::size_t owner_node = rig_.members()[owner].node;
  const auto node = Place(fault, owner_node);
  if (!node.ok()) return node.status();
  const auto leaders = AwaitLeaders();
  if (!leaders.ok()) return leaders.status();
  scene.node = *node;
  scene.asked = rig_.OtherThan(*node);
  if (fault.kind == Kind::kRouteCut && fault.one_route) {
    // The owner's route to the leader of its consumer, where there is one.
    scene.other = *node != *leaders->consumer ? *leaders->consumer : rig_.OtherThan(*node);
    for (std::size_t i = 0; i < rig_.cluster().size(); ++i) {
      if (i != *node && i != *scene.other) scene.asked = i;
    }
  }
  const bool holds = fault.kind != Kind::kLeaderSteppedDown && fault.duration.count() > 0 && !scene.other;
  if (holds && fault.kind != Kind::kJetStreamOff) scene.out = *node;
  const bool all = fault.kind == Kind::kRollingRestart || fault.kind == Kind::kJetStreamOff;
  for (std::size_t i = 0; i < rig_.members().size(); ++i) {
    const ClusterRig::Member& member = rig_.members()[i];
    const bool struck =
        scene.out == member.node || (scene.other && (member.node == *node || member.node == scene.other));
    if (member.process == nullptr) continue;
    if (all || struck) scene.cut_off.push_back(i);
    if (all || struck || scene.other) scene.without_quorum.push_back(i);
  }
  PlacePublisher(fault, scene, *leaders->stream);
  return scene;
}

absl::StatusOr<Leaders> ClusterFaultInjector::AwaitLeaders() {
  Leaders leaders;
  auto known = [&] { return (leaders = rig_.FindLeaders(0)).all(); };
  if (await_(known, kLeadersTimeout)) return leaders;
  return absl::UnavailableError(
      "choose a fault's place: the cluster names no leader of stream, consumer and meta group");
}

absl::StatusOr<std::size_t> ClusterFaultInjector::Place(const ClusterFault& fault, std::size_t owner_node) {
  if (fault.part == Part::kOwner) return owner_node;
  if (fault.part == Part::kOwnerAndConsumerLeader) return GatherAt(owner_node);
  const auto leaders = AwaitLeaders();
  if (!leaders.ok()) return leaders.status();
  if (fault.part == Part::kConsumerLeader) return *leaders->consumer;
  return fault.part == Part::kStreamLeader ? *leaders->stream : *leaders->meta;
}

// Best effort: where chance is against it the owner's server is struck all the same.
absl::StatusOr<std::size_t> ClusterFaultInjector::GatherAt(std::size_t owner_node) {
  for (int i = 0; i < kStepDowns; ++i) {
    const auto leaders = AwaitLeaders();
    if (!leaders.ok()) return leaders.status();
    if (*leaders->consumer == owner_node) break;
    const std::size_t before = *leaders->consumer;
    // One that has just been elected may refuse; it is asked again.
    if (!rig_.StepDown(0, "consumer").ok()) continue;
    await_(
        [&] {
          const auto now = rig_.FindLeaders(0).consumer;
          return now && *now != before;
        },
        kElectionTimeout);
  }
  return owner_node;
}

void ClusterFaultInjector::PlacePublisher(const ClusterFault& fault, const Scene& scene, std::size_t stream_leader) {
  const bool inside = fault.publisher_inside && scene.node != stream_leader;
  std::size_t wanted = scene.node;
  for (std::size_t i = 0; i < rig_.cluster().size() && !inside; ++i) {
    const bool struck = i == scene.node || scene.other == i;
    if (i != stream_leader && !struck) wanted = i;
  }
  // One route of the stream leader's is cut: the third server is the other end, and stays outside of nothing.
  if (!inside && wanted == scene.node)
    wanted = scene.other && *scene.other != stream_leader ? *scene.other : scene.asked;
  if (wanted != rig_.publisher_node()) rig_.MovePublisher(wanted);
}

absl::Status ClusterFaultInjector::Begin(const ClusterFault& fault, const Scene& scene) {
  testing::NatsServer& server = rig_.cluster().server(scene.node);
  switch (fault.kind) {
    case Kind::kRouteCut:
      return CutRoutes(fault, scene);
    case Kind::kLeaderKilled:
      server.Kill();
      return absl::OkStatus();
    case Kind::kLeaderPaused:
      server.Pause();
      return absl::OkStatus();
    case Kind::kLeaderSteppedDown:
      return StepDown(fault, scene);
    case Kind::kRollingRestart:
      return RestartAll();
    case Kind::kOwnerKilled:
      return ReplaceOwner(scene, false);
    case Kind::kOwnerReplaced:
      return ReplaceOwner(scene, true);
    case Kind::kConsumerDeleted:
      return rig_.DeleteConsumer(scene.asked);
    case Kind::kPausedDuringTakeOver: {
      if (absl::Status replaced = ReplaceOwner(scene, false); !replaced.ok()) return replaced;
      await_([] { return false; }, fault.delay);
      server.Pause();
      return absl::OkStatus();
    }
    case Kind::kJetStreamOff:
      return TakeJetStream();
    case Kind::kDiskFull:
      return rig_.cluster().disk(scene.node)->Fill();
  }
  return absl::InternalError("begin a fault: its kind is unknown");
}

absl::Status ClusterFaultInjector::End(const ClusterFault& fault, const Scene& scene) {
  testing::NatsServer& server = rig_.cluster().server(scene.node);
  switch (fault.kind) {
    case Kind::kRouteCut:
      rig_.cluster().Heal();
      return absl::OkStatus();
    case Kind::kLeaderKilled:
      return server.Start();
    case Kind::kLeaderPaused:
    case Kind::kPausedDuringTakeOver:
      server.Resume();
      return absl::OkStatus();
    case Kind::kJetStreamOff:
      return GiveJetStream();
    case Kind::kDiskFull:
      // A server that found its disk full has JetStream again only when it is started again, and 2.9.10 does not end
      // when it is asked to.
      rig_.cluster().disk(scene.node)->Free();
      server.Kill();
      return server.Start();
    default:
      return absl::OkStatus();  // over when it had begun
  }
}

absl::Status ClusterFaultInjector::CutRoutes(const ClusterFault& fault, const Scene& scene) {
  const auto how = fault.black_hole ? RoutedCluster::Cut::kBlackHole : RoutedCluster::Cut::kReset;
  RoutedCluster& cluster = rig_.cluster();
  const std::size_t cut =
      scene.other ? cluster.CutRoute(scene.node, *scene.other, how) : cluster.Isolate(scene.node, how);
  return cut > 0 ? absl::OkStatus() : absl::FailedPreconditionError("cut routes: there were none through the proxies");
}

// A leader may have gone before it has answered.
absl::Status ClusterFaultInjector::StepDown(const ClusterFault& fault, const Scene& scene) {
  const auto leads_elsewhere = [&] {
    const Leaders leaders = rig_.FindLeaders(scene.asked);
    const auto now = fault.part == Part::kMetaLeader     ? leaders.meta
                     : fault.part == Part::kStreamLeader ? leaders.stream
                                                         : leaders.consumer;
    return now && *now != scene.node;
  };
  absl::Status asked;
  for (int i = 0; i < kStepDowns; ++i) {
    asked = fault.part == Part::kMetaLeader
                ? rig_.StepDownMeta(scene.asked)
                : rig_.StepDown(scene.asked, fault.part == Part::kStreamLeader ? "stream" : "consumer");
    if (!absl::IsDeadlineExceeded(asked) || await_(leads_elsewhere, kElectionTimeout / 4)) break;
  }
  return absl::IsDeadlineExceeded(asked) && leads_elsewhere() ? absl::OkStatus() : asked;
}

absl::Status ClusterFaultInjector::RestartAll() {
  const bool upgrade = release_ < releases_.size();
  for (std::size_t node = 0; node < rig_.cluster().size(); ++node) {
    if (upgrade) {
      if (absl::Status chosen = rig_.cluster().server(node).UseProgram(releases_[release_]); !chosen.ok())
        return chosen;
    }
    if (absl::Status restarted = RestartServer(node); !restarted.ok()) return restarted;
    auto caught_up = [&] {
      const Leaders leaders = rig_.FindLeaders(node);
      return leaders.all() && leaders.caught_up;
    };
    if (!await_(caught_up, kCaughtUpTimeout)) {
      return absl::UnavailableError(
          absl::StrCat("restart ", RoutedCluster::NameOf(node), ": not caught up within 90s"));
    }
  }
  if (upgrade) ++release_;
  return absl::OkStatus();
}

// Some releases (2.9.10) restore the streams without their replicas: they come together only when started again.
absl::Status ClusterFaultInjector::GiveJetStream() {
  rig_.cluster().SetJetStream(true);
  auto together = [&] {
    const Leaders leaders = rig_.FindLeaders(0);
    return leaders.all() && leaders.caught_up;
  };
  return await_(together, kGivenBackTimeout) ? absl::OkStatus() : RestartServers();
}

absl::Status ClusterFaultInjector::RestartServers() {
  for (std::size_t node = 0; node < rig_.cluster().size(); ++node) {
    if (absl::Status restarted = RestartServer(node); !restarted.ok()) return restarted;
  }
  return absl::OkStatus();
}

absl::Status ClusterFaultInjector::RestartServer(std::size_t node) {
  rig_.cluster().server(node).Stop();
  return rig_.cluster().server(node).Start();
}

absl::Status ClusterFaultInjector::ReplaceOwner(const Scene& scene, bool orderly) {
  const absl::Status gone = orderly ? rig_.EndConsumer(scene.owner) : rig_.KillConsumer(scene.owner);
  return gone.ok() ? rig_.StartConsumer(rig_.members()[scene.owner].node) : gone;
}

absl::Status ClusterFaultInjector::TakeJetStream() {
  rig_.cluster().SetJetStream(false);
  const std::string request = "STREAM.INFO." + StreamName(kBaseStream, kTopic);
  auto gone = [&] { return !Ask(rig_.cluster().server(0).port(), request, "", std::chrono::milliseconds(300)).ok(); };
  if (await_(gone, kReloadTimeout)) return absl::OkStatus();
  return absl::FailedPreconditionError("take JetStream from the account: the servers went on; see their logs");
}

}  // namespace penstock::chaos
