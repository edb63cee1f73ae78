// SPDX-License-Identifier: Apache-2.0
#include "chaos/run.h"

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/raw_nats.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::milliseconds kTick(4);
constexpr std::chrono::hours kForEver(24);
constexpr std::chrono::seconds kWatchdog(60);
constexpr std::chrono::seconds kDeadLetterTimeout(20);
// The server notes acknowledgements on disk some ten times a second. One that it forgets when it is killed is known to
// the consumer, unless that was killed within the same moment: then nobody can know. So faults keep this distance.
constexpr std::chrono::milliseconds kCalm(1000);
constexpr std::chrono::milliseconds kRecovery(500);  // usual time

bool OfPublisher(FaultKind kind) {
  return kind == FaultKind::kPublisherKilled || kind == FaultKind::kPublisherStopped ||
         kind == FaultKind::kPublisherCut || kind == FaultKind::kPublisherBlackHoled;
}

std::string VersionOf(const std::string& server_info) {
  constexpr std::string_view kField = "\"version\":\"";
  const std::size_t field = server_info.find(kField);
  if (field == std::string::npos) return "unknown";
  const std::size_t begin = field + kField.size();
  return server_info.substr(begin, server_info.find('"', begin) - begin);
}

}  // namespace

Run::Run(RunOptions options)
    : options_(std::move(options)),
      plan_(options_.rig.seed, options_.rig.events),
      tasks_(options_.rig.seed, options_.rig.events, options_.rig.tasks),
      pace_(options_.rig.events),
      lead_(options_.rig.events / (options_.faults.size() + 1) / 3) {
  report_.seed = options_.rig.seed;
  report_.events = options_.rig.events;
  report_.credit = options_.rig.credit;
  report_.tls = options_.rig.tls;
  report_.faults_asked = options_.faults.size();
}

Report Run::Execute() {
  begun_ = paced_ = seen_at_ = Clock::now();
  absl::Status status = Start();
  if (status.ok()) status = Work();
  report_.seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  if (status.ok()) status = Finish();
  if (!status.ok()) report_.failure = std::string(status.message());
  if (rig_ != nullptr) Examine();
  return std::move(report_);
}

absl::Status Run::Start() {
  auto rig = Rig::Build(options_.rig);
  if (!rig.ok()) return rig.status();
  rig_ = *std::move(rig);
  auto raw = testing::RawNats::Connect(rig_->server().port());
  if (!raw.ok()) return raw.status();
  report_.server = VersionOf(raw->info());
  publisher_ledger_ = std::make_unique<LedgerReader>(rig_->publisher_ledger().string());
  tasks_.FollowPublisher(rig_->publisher_ledger());
  if (absl::Status status = rig_->StartConsumer(); !status.ok()) return status;
  if (absl::Status status = rig_->StartPublisher(); !status.ok()) return status;
  pace_.Free(PointOf(0) + lead_);
  return absl::OkStatus();
}

absl::Status Run::Work() {
  absl::Status status;
  auto over = [&] {
    status = Step();
    return !status.ok() || (published_ && progress_.ended() == plan_.events().size() && tasks_.over());
  };
  testing::Eventually(over, kForEver, kTick);
  return status;
}

absl::Status Run::Step() {
  ReadLedgers();
  TellRecoveries();
  if (absl::Status status = CheckProcesses(); !status.ok()) return status;
  if (absl::Status status = EndFaults(); !status.ok()) return status;
  if (absl::Status status = BeginFaults(); !status.ok()) return status;
  LetPublish();
  return WatchProgress();
}

void Run::ReadLedgers() {
  auto take = [this](LedgerReader& ledger, std::vector<Record>& records) {
    for (const Record& record : ledger.ReadNew()) {
      progress_.Note(record);
      records.push_back(record);
    }
  };
  while (consumer_ledgers_.size() < rig_->consumers().size()) {
    consumer_ledgers_.emplace_back(rig_->consumers()[consumer_ledgers_.size()].ledger.string());
    history_.consumers.emplace_back();
    tasks_.FollowHost(rig_->consumers()[tasks_.hosts()].ledger);
  }
  tasks_.ReadLedgers();
  take(*publisher_ledger_, history_.published);
  for (std::size_t i = 0; i < consumer_ledgers_.size(); ++i) take(consumer_ledgers_[i], history_.consumers[i].records);
}

absl::Status Run::CheckProcesses() {
  const std::chrono::milliseconds at_once(0);
  if (const std::optional<int> code = rig_->consumer().Await(at_once)) {
    return absl::InternalError(absl::StrCat("the consumer ended by itself with ", *code, "; see its log"));
  }
  const std::optional<int> code = rig_->publisher().Await(at_once);
  if (code && *code != 0) {
    return absl::InternalError(absl::StrCat("the publisher ended by itself with ", *code, "; see its log"));
  }
  published_ = code.has_value();
  return absl::OkStatus();
}

absl::Status Run::EndFaults() {
  for (Active& active : active_) {
    if (active.end > Clock::now()) continue;
    if (absl::Status status = EndFault(*std::exchange(active.fault, nullptr)); !status.ok()) return status;
  }
  std::erase_if(active_, [](const Active& active) { return active.fault == nullptr; });
  if (calm_ || !active_.empty() || progress_.recovering()) {
    calm_from_ = Clock::now() + kCalm;
  } else if (Clock::now() >= calm_from_) {
    calm_ = true;
    pace_.Free(PointOf(next_fault_) + lead_);
  }
  return absl::OkStatus();
}

absl::Status Run::EndFault(const Fault& fault) {
  FaultInjector injector(*rig_);
  if (absl::Status status = injector.End(fault); !status.ok()) return status;
  ReadLedgers();
  const std::string name(FaultName(fault.kind));
  progress_.AwaitRecovery(name, OfPublisher(fault.kind), MonotonicNow());
  ++report_.faults[name];
  return absl::OkStatus();
}

absl::Status Run::BeginFaults() {
  const bool due = calm_ && next_fault_ < options_.faults.size() && progress_.ended() >= PointOf(next_fault_);
  if (!due) return absl::OkStatus();
  calm_ = false;
  std::chrono::milliseconds longest(0);
  for (bool more = true; more;) {
    const Fault& fault = options_.faults[next_fault_++];
    more = fault.with_next && next_fault_ < options_.faults.size();
    longest = std::max(longest, fault.duration);
    if (absl::Status status = BeginFault(fault); !status.ok()) return status;
  }
  pace_.Spread(PointOf(next_fault_) + lead_, longest + kRecovery + kCalm);
  return absl::OkStatus();
}

absl::Status Run::BeginFault(const Fault& fault) {
  if (options_.tell) {
    options_.tell(absl::StrFormat("%s %s for %d ms%s", Now(), std::string(FaultName(fault.kind)),
                                  fault.duration.count(), fault.with_next ? ", together with" : ""));
  }
  FaultInjector injector(*rig_);
  if (absl::Status status = injector.Begin(fault); !status.ok()) return status;
  if (fault.duration.count() == 0) return EndFault(fault);
  active_.push_back({&fault, Clock::now() + fault.duration});
  return absl::OkStatus();
}

// Events that must have ended for a fault to be due; all of them after the last fault.
std::size_t Run::PointOf(std::size_t fault) const {
  const std::size_t events = plan_.events().size();
  if (fault >= options_.faults.size()) return events;
  return static_cast<std::size_t>(options_.faults[fault].at * static_cast<double>(events));
}

void Run::TellRecoveries() {
  for (; told_recoveries_ < progress_.recoveries().size(); ++told_recoveries_) {
    const Recovery& recovery = progress_.recoveries()[told_recoveries_];
    if (options_.tell) options_.tell(absl::StrFormat("%s %s over after %.1f ms", Now(), recovery.fault, recovery.ms));
  }
}

void Run::LetPublish() {
  const Clock::time_point now = Clock::now();
  const std::size_t allowed = pace_.Allow(now - paced_, progress_.ended());
  paced_ = now;
  if (allowed == 0 || published_) return;
  told_ = allowed;
  rig_->publisher().Tell(allowed);
}

absl::Status Run::WatchProgress() {
  const std::size_t now = progress_.acked() + progress_.ended() + tasks_.moved();
  if (now != seen_) {
    seen_ = now;
    seen_at_ = Clock::now();
  }
  if (Clock::now() - seen_at_ < kWatchdog) return absl::OkStatus();
  TellStacks();
  return absl::DeadlineExceededError(absl::StrCat("nothing happened for 60s: ", told_, " events let go, ",
                                                  progress_.acked(), " acked, ", progress_.ended(), " ended"));
}

void Run::TellStacks() {
  if (!options_.tell) return;
  options_.tell("publisher:\n" + testing::StacksOf(rig_->publisher().pid()));
  options_.tell("consumer:\n" + testing::StacksOf(rig_->consumer().pid()));
  options_.tell("server:\n" + testing::StacksOf(rig_->server().pid()));
}

absl::Status Run::Finish() {
  absl::StatusOr<std::vector<EventRef>> letters;
  auto all_there = [&] {
    letters = rig_->DeadLetters(&history_.unreadable_dead_letters);
    return letters.ok() && letters->size() >= plan_.PoisonCount();
  };
  testing::Eventually(all_there, kDeadLetterTimeout, std::chrono::milliseconds(200));
  if (!letters.ok()) return letters.status();
  history_.dead_letters = *std::move(letters);
  const absl::StatusOr<std::uint64_t> stored = rig_->Stored(StreamName(kBaseStream, kTopic));
  if (!stored.ok()) return stored.status();
  history_.stored = *stored;
  if (absl::Status ended = rig_->EndConsumer(); !ended.ok() || options_.rig.tasks == 0) return ended;
  const absl::StatusOr<std::uint64_t> tasks = rig_->Stored(TaskStream());
  if (!tasks.ok()) return tasks.status();
  stored_tasks_ = *tasks;
  return tasks_.ReadResults(rig_->server().url(), rig_->ca_file(), 1);
}

void Run::Examine() {
  if (publisher_ledger_ != nullptr) ReadLedgers();
  std::ofstream(rig_->folder() / "server.log") << rig_->server().log();
  for (std::size_t i = 0; i < history_.consumers.size(); ++i) {
    history_.consumers[i].killed_ns = rig_->consumers()[i].killed_ns;
    history_.consumers[i].window = rig_->consumers()[i].window;
    tasks_.HostEnded(i, rig_->consumers()[i].killed_ns, rig_->consumers()[i].window);
  }
  for (const EventRef event : plan_.events()) {
    if (BehaviourAt(options_.rig.seed, event, 1) == Behaviour::kReject) history_.poison.push_back(event);
  }
  report_.findings = Check(history_);
  report_.tasks = tasks_.Examine(stored_tasks_, {});
  report_.recoveries = progress_.recoveries();
}

std::string Run::Now() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - begun_).count();
  return absl::StrFormat("%7.2f s, %d acked, %d ended:", seconds, progress_.acked(), progress_.ended());
}

}  // namespace penstock::chaos
