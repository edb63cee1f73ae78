// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_rig.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "chaos/jetstream_api.h"
#include "chaos/names.h"
#include "chaos/tasks/task_watch.h"
#include "penstock/eventbus/event_bus.h"
#include "support/eventually.h"
#include "support/raw_nats.h"
#include "support/test_certificate.h"

namespace penstock::chaos {
namespace {

using Json = nlohmann::json;

constexpr int kKilled = 128 + SIGKILL;
constexpr std::chrono::seconds kEndTimeout(40);
constexpr std::chrono::seconds kLeaderTimeout(40);
constexpr std::chrono::milliseconds kAskTimeout(500);
constexpr std::size_t kReadAhead = 256;  // requests under way while a stream is read

std::string Topic() { return StreamName(kBaseStream, kTopic); }

// The answer to a request of the system account.
absl::StatusOr<Json> AskSystem(int port, const std::string& subject) {
  auto raw = testing::RawNats::Connect(
      port, R"({"verbose":false,"pedantic":false,"headers":true,"no_responders":true,"user":"sys","pass":"sys"})");
  if (!raw.ok()) return raw.status();
  const auto reply = raw->Request(subject, "", {}, kAskTimeout);
  if (!reply.ok()) return reply.status();
  Json answer = Json::parse(reply->body, nullptr, false);
  if (answer.is_discarded()) return absl::InternalError("ask " + subject + ": the answer is no JSON");
  if (answer.contains("error")) return absl::InternalError("ask " + subject + ": " + answer["error"].dump());
  return answer;
}

std::optional<std::size_t> NodeNamed(const Json& cluster) {
  const std::string name = cluster.value("leader", "");
  std::size_t node = 0;
  if (name.size() < 2 || !absl::SimpleAtoi(name.substr(1), &node)) return std::nullopt;
  return node;
}

// The leader of what an INFO answer tells of; `caught_up` turns false when a replica is not.
std::optional<std::size_t> LeaderIn(const absl::StatusOr<Json>& info, bool* caught_up) {
  if (!info.ok() || !info->contains("cluster")) {
    *caught_up = false;
    return std::nullopt;
  }
  const Json& cluster = info->at("cluster");
  for (const Json& replica : cluster.value("replicas", Json::array())) {
    if (!replica.value("current", false) || replica.value("offline", false)) *caught_up = false;
  }
  return NodeNamed(cluster);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterRig>> ClusterRig::Build(ClusterRigOptions options) {
  std::unique_ptr<ClusterRig> rig(new ClusterRig(std::move(options)));
  if (absl::Status launched = rig->LaunchServers(); !launched.ok()) return launched;
  auto proxy = testing::TcpProxy::Start(rig->cluster_->server(0).port());
  if (!proxy.ok()) return proxy.status();
  rig->publisher_wire_ = *std::move(proxy);
  auto ready = [&] { return rig->TakesReplicas(); };
  if (testing::Eventually(ready, kLeaderTimeout, std::chrono::milliseconds(100))) return rig;
  return absl::UnavailableError("start a cluster: it took no stream with a replica on each server within 40s");
}

// A leader that does not know all servers yet refuses streams with so many replicas.
bool ClusterRig::TakesReplicas() {
  const int port = cluster_->server(0).port();
  const Json config = {{"name", "ready"}, {"subjects", {"ready"}}, {"num_replicas", options_.nodes}};
  return Ask(port, "STREAM.CREATE.ready", config.dump(), std::chrono::seconds(3)).ok() &&
         Ask(port, "STREAM.DELETE.ready", "", std::chrono::seconds(3)).ok();
}

absl::Status ClusterRig::LaunchServers() {
  testing::RoutedClusterOptions options{
      .servers = options_.nodes, .binary = options_.server_program, .disk_bytes = options_.disk_bytes};
  if (options_.tls) {
    const auto certificate = testing::TestCertificate::Get();
    if (!certificate.ok()) return certificate.status();
    options.config = (*certificate)->ServerConfig();
    ca_file_ = (*certificate)->file();
  }
  auto cluster = testing::RoutedCluster::Launch(std::move(options));
  if (!cluster.ok()) return cluster.status();
  cluster_ = *std::move(cluster);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<testing::ChildProcess>> ClusterRig::Spawn(std::vector<std::string> command,
                                                                         const std::string& log) const {
  const std::vector<std::string> common = {"--seed",     absl::StrCat(options_.seed), "--ca-file", ca_file_,
                                           "--replicas", absl::StrCat(options_.nodes)};
  command.insert(command.end(), common.begin(), common.end());
  return testing::ChildProcess::Spawn({.command = std::move(command), .log = (options_.folder / log).string()});
}

absl::Status ClusterRig::StartPublisher() {
  std::vector<std::string> command = {
      options_.publisher_program,  "--url",    publisher_wire_->url(),        "--ledger",
      publisher_ledger().string(), "--events", absl::StrCat(options_.events), "--incarnation",
      absl::StrCat(publishers_++)};
  if (options_.tasks > 0) command.insert(command.end(), {"--tasks", absl::StrCat(options_.tasks)});
  auto process = Spawn(std::move(command), "publisher.log");
  if (!process.ok()) return process.status();
  publisher_ = *std::move(process);
  return absl::OkStatus();
}

void ClusterRig::MovePublisher(std::size_t node) {
  publisher_node_ = node;
  publisher_wire_->ServerIsAt(cluster_->server(node).port());
  publisher_wire_->Cut();
}

absl::Status ClusterRig::StartConsumer(std::size_t node) {
  const std::string name = absl::StrCat("consumer-", members_.size());
  Member member{.ledger = options_.folder / (name + ".ledger"), .node = node};
  std::vector<std::string> command = {
      options_.consumer_program,     "--url",    cluster_->server(node).url(),  "--ledger",
      member.ledger.string(),        "--credit", absl::StrCat(options_.credit), "--incarnation",
      absl::StrCat(members_.size()), "--obeys"};
  if (options_.tasks > 0) command.emplace_back("--hosts");
  auto process = Spawn(std::move(command), name + ".log");
  if (!process.ok()) return process.status();
  member.process = *std::move(process);
  member.process->Tell(static_cast<std::uint64_t>(handler_time_.count()));
  members_.push_back(std::move(member));
  return absl::OkStatus();
}

void ClusterRig::SlowHandlers(std::chrono::milliseconds time) {
  handler_time_ = time;
  for (const Member& member : members_) {
    if (member.process != nullptr) member.process->Tell(static_cast<std::uint64_t>(time.count()));
  }
}

absl::Status ClusterRig::KillConsumer(std::size_t index) {
  Member& member = members_[index];
  if (member.process == nullptr) return absl::FailedPreconditionError("kill the consumer: it had ended by itself");
  member.killed_ns = MonotonicNow();
  member.process->Signal(SIGKILL);
  const std::optional<int> code = member.process->Await(kEndTimeout);
  member.window = WindowNow();
  Forget(index);
  if (code == kKilled) return absl::OkStatus();
  return absl::FailedPreconditionError("kill the consumer: it had ended by itself");
}

absl::Status ClusterRig::EndConsumer(std::size_t index) {
  Member& member = members_[index];
  if (member.process == nullptr) return absl::FailedPreconditionError("end the consumer: it had ended by itself");
  member.process->Signal(SIGTERM);
  const std::optional<int> code = member.process->Await(kEndTimeout);
  Forget(index);
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("end consumer ", index,
                   " by SIGTERM: ", code ? absl::StrCat("exit code ", *code) : "it went on for 40s", "; see its log"));
}

std::size_t ClusterRig::OtherThan(std::size_t node) const {
  std::size_t other = (node + 1) % options_.nodes;
  while (other != node && !cluster_->server(other).running()) other = (other + 1) % options_.nodes;
  return other;
}

Leaders ClusterRig::FindLeaders(std::size_t asked) {
  const int port = cluster_->server(asked).port();
  Leaders leaders{.caught_up = true};
  leaders.stream = LeaderIn(Ask(port, "STREAM.INFO." + Topic(), "", kAskTimeout), &leaders.caught_up);
  leaders.consumer = LeaderIn(
      Ask(port, absl::StrCat("CONSUMER.INFO.", Topic(), ".", options_.durable), "", kAskTimeout), &leaders.caught_up);
  std::vector<std::string> others = options_.tasks > 0 ? TaskStreams() : std::vector<std::string>();
  others.push_back(DeadLetterStreamName(kBaseStream));
  for (const std::string& stream : others) {
    if (!LeaderIn(Ask(port, "STREAM.INFO." + stream, "", kAskTimeout), &leaders.caught_up)) leaders.caught_up = false;
  }
  const auto system = AskSystem(port, "$SYS.REQ.SERVER.PING.JSZ");
  if (system.ok() && system->contains("data") && system->at("data").contains("meta_cluster")) {
    leaders.meta = NodeNamed(system->at("data").at("meta_cluster"));
  }
  return leaders;
}

absl::Status ClusterRig::StepDown(std::size_t asked, const std::string& leader_of) {
  const std::string what = leader_of == "stream"
                               ? "STREAM.LEADER.STEPDOWN." + Topic()
                               : absl::StrCat("CONSUMER.LEADER.STEPDOWN.", Topic(), ".", options_.durable);
  return Ask(cluster_->server(asked).port(), what).status();
}

absl::Status ClusterRig::StepDownMeta(std::size_t asked) {
  return AskSystem(cluster_->server(asked).port(), "$JS.API.META.LEADER.STEPDOWN").status();
}

absl::Status ClusterRig::DeleteConsumer(std::size_t asked) {
  const std::string request = absl::StrCat("CONSUMER.DELETE.", Topic(), ".", options_.durable);
  return Ask(cluster_->server(asked).port(), request).status();
}

// A waiting key may have widened it, and the durable's configuration says so.
std::size_t ClusterRig::WindowNow() {
  std::size_t window = options_.credit;
  for (std::size_t node = 0; node < options_.nodes; ++node) {
    if (!cluster_->server(node).running() || testing::Stopped(cluster_->server(node).pid())) continue;
    const auto info = Ask(cluster_->server(node).port(), absl::StrCat("CONSUMER.INFO.", Topic(), ".", options_.durable),
                          "", kAskTimeout);
    if (!info.ok()) continue;
    return std::max<std::size_t>(window, info->at("config").value("max_ack_pending", window));
  }
  return window;
}

absl::StatusOr<std::uint64_t> ClusterRig::Stored(const std::string& stream) {
  const auto info = Ask(cluster_->server(0).port(), "STREAM.INFO." + stream);
  if (!info.ok()) return info.status();
  return info->at("state").at("messages").get<std::uint64_t>();
}

absl::StatusOr<std::vector<StoredEvent>> ClusterRig::ReadStream(const std::string& stream, std::uint64_t* unreadable) {
  const int port = cluster_->server(0).port();
  const auto info = Ask(port, "STREAM.INFO." + stream);
  if (!info.ok()) return info.status();
  const auto last = info->at("state").at("last_seq").get<std::uint64_t>();
  auto raw = testing::RawNats::Connect(port);
  if (!raw.ok()) return raw.status();
  if (const auto inbox = raw->Subscribe("_INBOX.chaos.*"); !inbox.ok()) return inbox.status();
  std::vector<StoredEvent> events;
  *unreadable = 0;
  std::uint64_t asked = info->at("state").at("first_seq").get<std::uint64_t>() - 1;
  for (std::uint64_t answered = asked; answered < last; ++answered) {
    for (; asked < last && asked - answered < kReadAhead; ++asked) {
      const absl::Status sent = raw->Publish("$JS.API.STREAM.MSG.GET." + stream, Json{{"seq", asked + 1}}.dump(),
                                             absl::StrCat("_INBOX.chaos.", asked + 1));
      if (!sent.ok()) return sent;
    }
    const auto answer = raw->Next();
    if (!answer.ok()) return answer.status();
    const Json json = Json::parse(answer->body, nullptr, false);
    if (!json.is_object() || !json.contains("message")) continue;  // deleted
    const auto event = ReadStored(options_.seed, json["message"]);
    if (!event) ++*unreadable;
    if (event) events.push_back({json["message"].at("seq").get<std::uint64_t>(), *event});
  }
  // From 2.10 on a server answers such requests side by side.
  std::sort(events.begin(), events.end(),
            [](const StoredEvent& a, const StoredEvent& b) { return a.sequence < b.sequence; });
  return events;
}

}  // namespace penstock::chaos
