// SPDX-License-Identifier: Apache-2.0
// What a run does when all is handled: it reads the streams and hands the books to the checker.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chaos/cluster/cluster_run.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::seconds kDeadLetterTimeout(30);

}  // namespace

absl::Status ClusterRun::Finish() {
  const std::string letters = DeadLetterStreamName(kBaseStream);
  absl::StatusOr<std::vector<StoredEvent>> given_up;
  auto all_there = [&] {
    given_up = rig_->ReadStream(letters, &history_.books.unreadable_dead_letters);
    return given_up.ok() && given_up->size() >= plan_.PoisonCount();
  };
  testing::Eventually(all_there, failed_.ok() ? kDeadLetterTimeout : std::chrono::seconds(1),
                      std::chrono::milliseconds(200));
  if (!given_up.ok()) return given_up.status();
  for (const StoredEvent& letter : *given_up) history_.books.dead_letters.push_back(letter.event);
  std::uint64_t unreadable = 0;
  auto stored = rig_->ReadStream(StreamName(kBaseStream, kTopic), &unreadable);
  if (!stored.ok()) return stored.status();
  history_.stored = *std::move(stored);
  absl::Status status = ReadTasks();
  for (std::size_t i = 0; i < rig_->members().size(); ++i) {
    if (rig_->members()[i].process != nullptr) status.Update(rig_->EndConsumer(i));
  }
  return status;
}

absl::Status ClusterRun::ReadTasks() {
  if (options_.rig.tasks == 0) return absl::OkStatus();
  const auto stored = rig_->Stored(TaskStream());
  if (!stored.ok()) return stored.status();
  stored_tasks_ = *stored;
  const int replicas = static_cast<int>(options_.rig.nodes);
  return tasks_.ReadResults(rig_->cluster().server(0).url(), rig_->ca_file(), replicas);
}

void ClusterRun::Examine() {
  if (publisher_ledger_ != nullptr) ReadLedgers();
  for (std::size_t i = 0; i < rig_->cluster().size(); ++i) {
    std::ofstream(rig_->folder() / absl::StrCat("server-", i, ".log")) << rig_->cluster().server(i).log();
  }
  for (std::size_t i = 0; i < history_.books.consumers.size(); ++i) {
    history_.books.consumers[i].killed_ns = rig_->members()[i].killed_ns;
    history_.books.consumers[i].window = rig_->members()[i].window;
    tasks_.HostEnded(i, rig_->members()[i].killed_ns, rig_->members()[i].window);
  }
  for (const EventRef event : plan_.events()) {
    if (BehaviourAt(options_.rig.seed, event, 1) == Behaviour::kReject) history_.books.poison.push_back(event);
  }
  report_.findings = CheckCluster(history_);
  report_.tasks = tasks_.Examine(stored_tasks_, history_.disturbances);
}

}  // namespace penstock::chaos
