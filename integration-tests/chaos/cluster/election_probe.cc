// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/election_probe.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "chaos/names.h"
#include "penstock/eventbus/event_bus.h"
#include "support/routed_cluster.h"

namespace penstock::chaos {
namespace {

constexpr std::chrono::milliseconds kInterval(50);
constexpr char kOfStream[] = "_INBOX.probe.stream";
constexpr char kOfConsumer[] = "_INBOX.probe.consumer";

}  // namespace

absl::StatusOr<ElectionProbe> ElectionProbe::Start(int server_port, std::string durable,
                                                   std::optional<std::size_t> out) {
  auto raw = testing::RawNats::Connect(server_port);
  if (!raw.ok()) return raw.status();
  if (const auto inbox = raw->Subscribe("_INBOX.probe.*"); !inbox.ok()) return inbox.status();
  return ElectionProbe(*std::move(raw), std::move(durable), out);
}

void ElectionProbe::Poll() {
  if (elected_ || (Clock::now() - asked_ >= kInterval && !AskAgain())) return;
  auto answer = raw_.Next(std::chrono::milliseconds(2));
  if (answer.ok()) Read(*answer);
  if (stream_ && consumer_) elected_ = Clock::now() - begun_;
}

bool ElectionProbe::AskAgain() {
  asked_ = Clock::now();
  const std::string stream = StreamName(kBaseStream, kTopic);
  return raw_.Publish("$JS.API.STREAM.INFO." + stream, "", kOfStream).ok() &&
         raw_.Publish(absl::StrCat("$JS.API.CONSUMER.INFO.", stream, ".", durable_), "", kOfConsumer).ok();
}

void ElectionProbe::Read(const testing::RawMessage& answer) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (!json.is_object() || !json.contains("cluster")) return;
  const std::string leader = json["cluster"].value("leader", "");
  const bool named = !leader.empty() && (!out_ || leader != testing::RoutedCluster::NameOf(*out_));
  (answer.subject == kOfStream ? stream_ : consumer_) |= named;
}

}  // namespace penstock::chaos
