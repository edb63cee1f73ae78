// SPDX-License-Identifier: Apache-2.0
#include "chaos/rig.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "chaos/jetstream_api.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"
#include "support/test_certificate.h"

namespace penstock::chaos {
namespace {

using Json = nlohmann::json;

constexpr int kKilled = 128 + SIGKILL;
constexpr std::chrono::seconds kEndTimeout(40);

}  // namespace

absl::StatusOr<std::unique_ptr<Rig>> Rig::Build(RigOptions options) {
  std::unique_ptr<Rig> rig(new Rig(std::move(options)));
  if (absl::Status launched = rig->LaunchServer(); !launched.ok()) return launched;
  for (auto* wire : {&rig->publisher_wire_, &rig->consumer_wire_}) {
    auto proxy = testing::TcpProxy::Start(rig->server_->port());
    if (!proxy.ok()) return proxy.status();
    *wire = *std::move(proxy);
  }
  return rig;
}

absl::Status Rig::LaunchServer() {
  testing::NatsServerOptions options{.binary = options_.server_program};
  if (options_.tls) {
    const auto certificate = testing::TestCertificate::Get();
    if (!certificate.ok()) return certificate.status();
    options.config = (*certificate)->ServerConfig();
    ca_file_ = (*certificate)->file();
  }
  auto server = testing::NatsServer::Launch(std::move(options));
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<testing::ChildProcess>> Rig::Spawn(std::vector<std::string> command,
                                                                  const std::string& log) const {
  const std::vector<std::string> common = {"--seed", absl::StrCat(options_.seed), "--ca-file", ca_file_};
  command.insert(command.end(), common.begin(), common.end());
  return testing::ChildProcess::Spawn({.command = std::move(command), .log = (options_.folder / log).string()});
}

absl::Status Rig::StartPublisher() {
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

absl::Status Rig::StartConsumer() {
  const std::string name = absl::StrCat("consumer-", consumers_.size());
  Consumer consumer{.ledger = options_.folder / (name + ".ledger")};
  std::vector<std::string> command = {
      options_.consumer_program,      "--url",    consumer_wire_->url(),         "--ledger",
      consumer.ledger.string(),       "--credit", absl::StrCat(options_.credit), "--incarnation",
      absl::StrCat(consumers_.size())};
  if (options_.tasks > 0) command.emplace_back("--hosts");
  auto process = Spawn(std::move(command), name + ".log");
  if (!process.ok()) return process.status();
  consumer.process = *std::move(process);
  consumers_.push_back(std::move(consumer));
  return absl::OkStatus();
}

absl::Status Rig::KillPublisher() {
  publisher_->Signal(SIGKILL);
  if (publisher_->Await(kEndTimeout) == kKilled) return absl::OkStatus();
  return absl::FailedPreconditionError("kill the publisher: it had ended by itself");
}

absl::Status Rig::KillConsumer(std::size_t index) {
  Consumer& consumer = consumers_[index];
  consumer.killed_ns = MonotonicNow();
  consumer.process->Signal(SIGKILL);
  const std::optional<int> code = consumer.process->Await(kEndTimeout);
  consumer.window = WindowNow();
  if (code == kKilled) return absl::OkStatus();
  return absl::FailedPreconditionError("kill the consumer: it had ended by itself");
}

// The durable's MaxAckPending is the window, which a waiting key widens.
std::size_t Rig::WindowNow() const {
  const auto info =
      Ask(server_->port(), absl::StrCat("CONSUMER.INFO.", StreamName(kBaseStream, kTopic), ".", kDurable));
  if (!info.ok()) return options_.credit;
  return std::max<std::size_t>(options_.credit, info->at("config").value("max_ack_pending", std::size_t{0}));
}

absl::Status Rig::EndConsumer() {
  consumer().Signal(SIGTERM);
  const std::optional<int> code = consumer().Await(kEndTimeout);
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat("end the consumer by SIGTERM: ", code ? absl::StrCat("exit code ", *code) : "it went on for 40s",
                   "; see its log"));
}

absl::Status Rig::DeleteConsumer() {
  const std::string request = absl::StrCat("CONSUMER.DELETE.", StreamName(kBaseStream, kTopic), ".", kDurable);
  const absl::Status deleted = Ask(server_->port(), request).status();
  // A server that is just writing the consumer's state fails to remove its folder, and the consumer is gone all the
  // same.
  if (deleted.ok() || !absl::StrContains(std::string(deleted.message()), "directory not empty")) return deleted;
  const absl::Status again = Ask(server_->port(), request).status();
  return absl::StrContains(std::string(again.message()), "consumer not found") ? absl::OkStatus() : again;
}

absl::StatusOr<std::uint64_t> Rig::Stored(const std::string& stream) {
  const auto info = Ask(server_->port(), "STREAM.INFO." + stream);
  if (!info.ok()) return info.status();
  return info->at("state").at("messages").get<std::uint64_t>();
}

absl::StatusOr<std::vector<EventRef>> Rig::DeadLetters(std::uint64_t* unreadable) {
  const std::string stream = DeadLetterStreamName(kBaseStream);
  const auto info = Ask(server_->port(), "STREAM.INFO." + stream);
  if (!info.ok()) return info.status();
  const auto last = info->at("state").at("last_seq").get<std::uint64_t>();
  std::vector<EventRef> letters;
  *unreadable = 0;
  for (std::uint64_t sequence = 1; sequence <= last; ++sequence) {
    const auto answer = Ask(server_->port(), "STREAM.MSG.GET." + stream, Json{{"seq", sequence}}.dump());
    if (!answer.ok()) return answer.status();
    const auto event = ReadStored(options_.seed, answer->at("message"));
    event ? letters.push_back(*event) : void(++*unreadable);
  }
  return letters;
}

}  // namespace penstock::chaos
