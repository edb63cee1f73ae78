// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_run.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/raw_nats.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::milliseconds kTick(4);
constexpr std::chrono::milliseconds kLook(25);  // at a condition, which may ask the servers
constexpr std::chrono::hours kForEver(24);
constexpr std::chrono::seconds kReadyTimeout(90);
constexpr std::chrono::seconds kCaughtUpTimeout(30);
constexpr std::chrono::seconds kStall(20);
constexpr std::chrono::seconds kGiveUp(150);
constexpr std::chrono::milliseconds kCalm(1000);
constexpr std::chrono::milliseconds kRecovery(3000);  // usual time
constexpr std::uint64_t kMostRevivals = 30;
// Eight workers need some 8 s for the backlog.
constexpr std::size_t kMostBacklog = 4000;
constexpr std::chrono::milliseconds kSlowHandler(16);
constexpr std::chrono::seconds kFillTimeout(10);

}  // namespace

ClusterRun::ClusterRun(ClusterRunOptions options)
    : options_(std::move(options)),
      plan_(options_.rig.seed, options_.rig.events),
      tasks_(options_.rig.seed, options_.rig.events, options_.rig.tasks),
      backlog_(std::min(kMostBacklog, options_.rig.events * 2 / (options_.faults.size() + 1))),
      pace_(options_.rig.events, backlog_),
      lead_(options_.rig.events / (options_.faults.size() + 1) / 3) {
  report_.seed = options_.rig.seed;
  report_.nodes = options_.rig.nodes;
  report_.events = options_.rig.events;
  report_.credit = options_.rig.credit;
  report_.tls = options_.rig.tls;
  report_.faults_asked = options_.faults.size();
}

ClusterReport ClusterRun::Execute() {
  begun_ = paced_ = seen_at_ = Clock::now();
  absl::Status status = Start();
  if (status.ok()) status = Work();
  report_.seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  if (rig_ != nullptr) {
    const absl::Status finished = Finish();
    if (status.ok()) status = finished;
  }
  if (!status.ok()) report_.failure = std::string(status.message());
  if (rig_ != nullptr) Examine();
  return std::move(report_);
}

absl::Status ClusterRun::Start() {
  auto rig = ClusterRig::Build(options_.rig);
  if (!rig.ok()) return rig.status();
  rig_ = *std::move(rig);
  injector_ = std::make_unique<ClusterFaultInjector>(
      *rig_, options_.releases, [this](const auto& condition, auto deadline) { return Await(condition, deadline); });
  if (absl::Status noted = NoteVersion(); !noted.ok()) return noted;
  publisher_ledger_ = std::make_unique<LedgerReader>(rig_->publisher_ledger().string());
  tasks_.FollowPublisher(rig_->publisher_ledger());
  for (std::size_t node = 0; node < options_.rig.nodes; ++node) {
    if (absl::Status started = rig_->StartConsumer(node); !started.ok()) return started;
    auto ready = [&] { return !history_.books.consumers.empty() && !history_.books.consumers.back().records.empty(); };
    if (!Await([&] { return history_.books.consumers.size() > node && ready(); }, kReadyTimeout)) {
      return absl::DeadlineExceededError(absl::StrCat("start consumer ", node, ": not ready within 90s; see its log"));
    }
  }
  if (absl::Status started = rig_->StartPublisher(); !started.ok()) return started;
  pace_.Free(PointOf(0) + lead_);
  return absl::OkStatus();
}

absl::Status ClusterRun::Work() {
  for (std::size_t first = 0; first < options_.faults.size();) {
    Await([&] { return progress_.ended() >= PointOf(first); }, kForEver);
    if (!failed_.ok()) return failed_;
    std::size_t end = first + 1;
    while (options_.faults[end - 1].with_next && end < options_.faults.size()) ++end;
    if (absl::Status status = Disturb(first, end); !status.ok()) return status;
    first = end;
    pace_.Free(PointOf(first) + lead_);
  }
  Await([&] { return published_ && progress_.ended() == plan_.events().size() && tasks_.over(); }, kForEver);
  return failed_;
}

// Faults `first` to `end` begin together; returns when the cluster has come together again and handling goes on.
absl::Status ClusterRun::Disturb(std::size_t first, std::size_t end) {
  std::chrono::milliseconds longest(0);
  actives_.clear();
  for (std::size_t i = first; i < end; ++i) {
    const ClusterFault& fault = options_.faults[i];
    if (fault.kind == ClusterFaultKind::kDiskFull && options_.rig.disk_bytes == 0) {
      report_.skipped.push_back(std::string(FaultName(fault.kind)) + ": needs root, for a disk of its own");
      Tell("skipped: " + report_.skipped.back());
      continue;
    }
    auto scene = injector_->Prepare(fault, owner_);
    if (!scene.ok()) return scene.status();
    longest = std::max(longest, fault.duration);
    actives_.push_back({.fault = &fault, .scene = *std::move(scene)});
  }
  FillOwner();
  disturbed_ = true;
  pace_.Spread(PointOf(end) + lead_, longest + kRecovery + kCalm);
  for (Active& active : actives_) {
    if (absl::Status status = BeginFault(active); !status.ok()) return status;
  }
  std::vector<Active*> by_end;
  for (Active& active : actives_) by_end.push_back(&active);
  std::sort(by_end.begin(), by_end.end(), [](const Active* a, const Active* b) { return a->end < b->end; });
  for (Active* active : by_end) {
    if (absl::Status status = EndFault(*active); !status.ok()) return status;
  }
  return AwaitCalm(actives_);
}

// An owner that is cut off and has nothing in hand does no harm: before routes are cut its handlers become slow, and so
// many events are published that it has work for longer than an election takes.
void ClusterRun::FillOwner() {
  const bool cuts = std::any_of(actives_.begin(), actives_.end(),
                                [](const Active& active) { return active.fault->kind == ClusterFaultKind::kRouteCut; });
  if (!cuts) return;
  rig_->SlowHandlers(kSlowHandler);
  const std::size_t wanted = std::min(progress_.ended() + backlog_, plan_.events().size());
  pace_.Free(wanted);
  // Less than wanted, since some end meanwhile.
  Await([&] { return progress_.acked() + backlog_ / 4 >= wanted; }, kFillTimeout);
}

absl::Status ClusterRun::BeginFault(Active& active) {
  const ClusterFault& fault = *active.fault;
  last_fault_ = Describe(fault);
  Tell(absl::StrCat(last_fault_, ": at n", active.scene.node, ", consumer ", active.scene.owner, " owns at n",
                    rig_->members()[active.scene.owner].node, ", publisher at n", rig_->publisher_node()));
  active.disturbance = history_.disturbances.size();
  history_.disturbances.push_back({.begin_ns = MonotonicNow(),
                                   .calm_ns = std::numeric_limits<std::int64_t>::max(),
                                   .route_cut = fault.kind == ClusterFaultKind::kRouteCut,
                                   .consumer_deleted = fault.kind == ClusterFaultKind::kConsumerDeleted,
                                   .cut_off = active.scene.without_quorum});
  const bool strikes_publisher =
      active.scene.out == rig_->publisher_node() || fault.kind == ClusterFaultKind::kJetStreamOff;
  if (fault.kind == ClusterFaultKind::kRouteCut) {
    recovery_.AwaitOutside(ClassOf(fault), MonotonicNow(), active.scene.cut_off);
  } else if (!strikes_publisher) {
    recovery_.Await(ClassOf(fault), MonotonicNow());
  }
  if (absl::Status begun = injector_->Begin(fault, active.scene); !begun.ok()) return begun;
  ++report_.faults[ClassOf(fault)].injected;
  active.end = Clock::now() + fault.duration;
  const bool elects = active.scene.out || active.scene.other || fault.kind == ClusterFaultKind::kLeaderSteppedDown;
  if (!elects) return absl::OkStatus();
  auto probe =
      ElectionProbe::Start(rig_->cluster().server(active.scene.asked).port(), rig_->durable(), active.scene.out);
  if (probe.ok()) active.probe.emplace(*std::move(probe));
  return absl::OkStatus();
}

absl::Status ClusterRun::EndFault(Active& active) {
  Await([&] { return Clock::now() >= active.end; }, kForEver);
  if (!failed_.ok() || active.fault->duration.count() == 0) return failed_;
  const absl::Status ended = injector_->End(*active.fault, active.scene);
  const bool struck_publisher =
      active.scene.out == rig_->publisher_node() || active.fault->kind == ClusterFaultKind::kJetStreamOff;
  if (active.fault->kind == ClusterFaultKind::kRouteCut) {
    rig_->SlowHandlers(std::chrono::milliseconds(0));
    recovery_.Healed();
    return ended;
  }
  if (struck_publisher) recovery_.Await(ClassOf(*active.fault), MonotonicNow());
  return ended;
}

absl::Status ClusterRun::AwaitCalm(std::vector<Active>& actives) {
  Tell("over; waits for the cluster");
  Leaders leaders;
  auto together = [&] {
    leaders = rig_->FindLeaders(0);
    return leaders.all() && leaders.caught_up;
  };
  bool current = Await(together, kCaughtUpTimeout);
  if (!failed_.ok()) return failed_;
  if (!current && !leaders.all()) {
    Tell("no leaders within 30s: restarts the servers, as an operator would");
    ++report_.servers_restarted;
    if (absl::Status restarted = injector_->RestartServers(); !restarted.ok()) return restarted;
    current = Await(together, 2 * kCaughtUpTimeout);
  }
  if (!current && !leaders.all()) {
    return absl::UnavailableError(
        absl::StrCat("await the cluster after ", last_fault_, ": no leaders, nor after the servers were restarted"));
  }
  if (!current) Tell("some replicas are not current after 30s; all have a leader, so the run goes on");
  disturbed_ = false;
  seen_at_ = Clock::now();
  Tell("the cluster is together");
  auto recovered = [&] { return !recovery_.waiting() || progress_.ended() == plan_.events().size(); };
  Await(recovered, kForEver);
  Await([] { return false; }, kCalm);
  for (Active& active : actives) {
    history_.disturbances[active.disturbance].calm_ns = MonotonicNow();
    if (!active.probe || !active.probe->elected()) continue;
    const double ms = std::chrono::duration<double, std::milli>(*active.probe->elected()).count();
    report_.faults[ClassOf(*active.fault)].election_ms.push_back(ms);
    Tell(absl::StrFormat("stream and consumer had a leader after %.0f ms", ms));
  }
  actives.clear();
  if (!failed_.ok()) return failed_;
  return NoteVersion();
}

bool ClusterRun::Await(const std::function<bool()>& condition, std::chrono::milliseconds deadline) {
  const Clock::time_point until = Clock::now() + deadline;
  Clock::time_point look{};
  bool holds = false;
  auto over = [&] {
    GoOn();
    if (!failed_.ok() || Clock::now() >= until) return true;
    if (Clock::now() < look) return false;
    look = Clock::now() + kLook;
    holds = condition();
    return holds;
  };
  testing::Eventually(over, kForEver, kTick);
  return holds;
}

void ClusterRun::GoOn() {
  ReadLedgers();
  ReviveProcesses();
  for (Active& active : actives_) {
    if (active.probe) active.probe->Poll();
  }
  LetPublish();
  WatchProgress();
}

void ClusterRun::ReadLedgers() {
  while (consumer_ledgers_.size() < rig_->members().size()) {
    consumer_ledgers_.emplace_back(rig_->members()[consumer_ledgers_.size()].ledger.string());
    history_.books.consumers.emplace_back();
    tasks_.FollowHost(rig_->members()[tasks_.hosts()].ledger);
  }
  tasks_.ReadLedgers();
  for (const Record& record : publisher_ledger_->ReadNew()) {
    Note(record, std::nullopt);
    history_.books.published.push_back(record);
  }
  for (std::size_t life = 0; life < consumer_ledgers_.size(); ++life) {
    for (const Record& record : consumer_ledgers_[life].ReadNew()) {
      Note(record, life);
      history_.books.consumers[life].records.push_back(record);
    }
  }
}

void ClusterRun::Note(const Record& record, std::optional<std::size_t> life) {
  const std::size_t told = recovery_.recoveries().size();
  progress_.Note(record);
  recovery_.Note(record, life);
  if (life && record.kind == Entry::kStart && record.time_ns > owner_ns_) {
    owner_ = *life;
    owner_ns_ = record.time_ns;
  }
  for (std::size_t i = told; i < recovery_.recoveries().size(); ++i) {
    const Recovery& recovery = recovery_.recoveries()[i];
    report_.faults[recovery.fault].recovery_ms.push_back(recovery.ms);
    Tell(absl::StrFormat("%s: handling goes on after %.0f ms", recovery.fault, recovery.ms));
  }
}

void ClusterRun::ReviveProcesses() {
  const std::chrono::milliseconds at_once(0);
  for (std::size_t i = 0; i < rig_->members().size(); ++i) {
    const ClusterRig::Member& member = rig_->members()[i];
    const std::optional<int> code = member.process == nullptr ? std::nullopt : member.process->Await(at_once);
    if (!code) continue;
    ++report_.ended_by_themselves;
    Tell(absl::StrCat("consumer ", i, " ended by itself with ", *code, "; see its log"));
    const std::size_t node = member.node;
    rig_->Forget(i);
    failed_.Update(rig_->StartConsumer(node));
  }
  const std::optional<int> code =
      published_ || !rig_->has_publisher() ? std::nullopt : rig_->publisher().Await(at_once);
  if (code == 0) published_ = true;
  if (code && *code != 0) {
    ++report_.ended_by_themselves;
    Tell(absl::StrCat("the publisher ended by itself with ", *code, "; see its log"));
    failed_.Update(rig_->StartPublisher());
  }
  if (report_.ended_by_themselves > kMostRevivals) {
    failed_.Update(absl::InternalError("processes end by themselves again and again; see their logs"));
  }
}

void ClusterRun::LetPublish() {
  const Clock::time_point before = std::exchange(paced_, Clock::now());
  if (!rig_->has_publisher() || published_) return;
  const std::size_t allowed = pace_.Allow(paced_ - before, progress_.ended());
  if (allowed > 0) rig_->publisher().Tell(allowed);
}

void ClusterRun::WatchProgress() {
  const Clock::time_point now = Clock::now();
  const std::size_t done = progress_.ended() + tasks_.moved();
  const bool moved = done != seen_;
  if (moved || disturbed_ || !rig_->has_publisher()) {
    if (moved) stalled_ = false;
    seen_ = done;
    seen_at_ = now;
    return;
  }
  const bool over = progress_.ended() == plan_.events().size() && tasks_.over();
  if (over || now - seen_at_ < (stalled_ ? kGiveUp : kStall)) return;
  if (stalled_) {
    failed_.Update(absl::DeadlineExceededError(
        absl::StrCat("nothing happened for 150s more after a standstill: ", progress_.acked(), " acked, ",
                     progress_.ended(), " ended")));
    return;
  }
  stalled_ = true;
  seen_at_ = now;
  // All that was acknowledged is handled: the publisher stands still, and goes on when its publishes have failed.
  const bool of_publisher = progress_.acked() == progress_.ended() && !published_;
  report_.stalls.push_back(absl::StrCat(of_publisher ? "publishing" : "handling", " after ", last_fault_));
  Tell(absl::StrCat("nothing happened for 20s: ", report_.stalls.back()));
  if (!of_publisher) failed_.Update(RestartConsumers());
}

absl::Status ClusterRun::RestartConsumers() {
  const std::size_t members = rig_->members().size();
  for (std::size_t i = 0; i < members; ++i) {
    if (rig_->members()[i].process == nullptr) continue;
    const std::size_t node = rig_->members()[i].node;
    if (absl::Status killed = rig_->KillConsumer(i); !killed.ok()) return killed;
    if (absl::Status started = rig_->StartConsumer(node); !started.ok()) return started;
  }
  return absl::OkStatus();
}

absl::Status ClusterRun::NoteVersion() {
  auto raw = testing::RawNats::Connect(rig_->cluster().server(0).port());
  if (!raw.ok()) return raw.status();
  const auto info = nlohmann::json::parse(raw->info(), nullptr, false);
  const std::string version = info.is_object() ? info.value("version", "unknown") : "unknown";
  if (report_.servers.empty() || report_.servers.back() != version) report_.servers.push_back(version);
  return absl::OkStatus();
}

// Events that must have ended for a fault to be due; all of them after the last fault.
std::size_t ClusterRun::PointOf(std::size_t fault) const {
  const std::size_t events = plan_.events().size();
  if (fault >= options_.faults.size()) return events;
  return static_cast<std::size_t>(options_.faults[fault].at * static_cast<double>(events));
}

void ClusterRun::Tell(const std::string& line) const {
  if (!options_.tell) return;
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  options_.tell(
      absl::StrFormat("%7.2f s, %d acked, %d ended: %s", seconds, progress_.acked(), progress_.ended(), line));
}

}  // namespace penstock::chaos
