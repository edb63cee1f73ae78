// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/stage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "benchmarks/child.h"
#include "benchmarks/measurement.h"
#include "support/raw_nats.h"

namespace penstock::bench {
namespace {

constexpr std::uint64_t kWarmUpShare = 10;

bool NeedsServer(const Contest& contest) {
  return contest.ours.ground != Ground::kNone ||
         std::ranges::any_of(contest.peers, [](const Side& peer) { return peer.ground != Ground::kNone; });
}

std::string FilledTopic(Round round) { return round == Round::kWarmUp ? "warmup" : "events"; }

}  // namespace

std::uint64_t SizeOf(const Side& side, Round round) {
  return round == Round::kMeasured ? side.size : std::max<std::uint64_t>(1, side.size / kWarmUpShare);
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Set(const Contest& contest, const std::filesystem::path& programs) {
  std::unique_ptr<Stage> stage(new Stage(programs));
  if (!NeedsServer(contest)) return stage;
  auto server = testing::NatsServer::Launch();
  if (!server.ok()) return server.status();
  stage->server_ = *std::move(server);
  if (contest.ours.ground != Ground::kFilledStream) return stage;
  for (const Round round : {Round::kWarmUp, Round::kMeasured}) {
    if (absl::Status filled = stage->Fill(contest, round); !filled.ok()) return filled;
  }
  return stage;
}

absl::Status Stage::Fill(const Contest& contest, Round round) {
  const Names names = {.topic = FilledTopic(round)};
  std::vector<std::string> command = {programs_ / "peers/fill",
                                      "--url",
                                      server_->url(),
                                      "--stream",
                                      names.stream(),
                                      "--subject",
                                      names.topic,
                                      "--messages",
                                      absl::StrCat(SizeOf(contest.ours, round))};
  command.insert(command.end(), contest.fill.begin(), contest.fill.end());
  const auto outcome = RunToEnd(command, kRunDeadline);
  if (!outcome.ok()) return outcome.status();
  return MeasurementOf(*outcome).status();
}

Stage::Names Stage::NamesOf(const Side& side, Round round) {
  ++runs_;
  return {.topic = side.ground == Ground::kFilledStream ? FilledTopic(round) : absl::StrCat("run", runs_),
          .durable = absl::StrCat("bench", runs_)};
}

std::vector<std::string> Stage::CommandOf(const Side& side, Round round) {
  std::vector<std::string> command = {programs_ / side.program};
  command.insert(command.end(), side.arguments.begin(), side.arguments.end());
  if (!side.size_option.empty()) command.insert(command.end(), {side.size_option, absl::StrCat(SizeOf(side, round))});
  if (side.ground == Ground::kNone) return command;
  const Names names = NamesOf(side, round);
  command.insert(command.end(), {"--url", server_->url(), "--stream", names.stream(), "--subject", names.topic,
                                 "--durable", names.durable});
  leftovers_.push_back(absl::StrCat("$JS.API.CONSUMER.DELETE.", names.stream(), ".", names.durable));
  if (side.ground == Ground::kFreshStream) leftovers_.push_back(absl::StrCat("$JS.API.STREAM.DELETE.", names.stream()));
  return command;
}

void Stage::CleanUp() {
  if (leftovers_.empty()) return;
  if (auto connection = testing::RawNats::Connect(server_->port()); connection.ok()) {
    // A program may well have tidied up itself: what the server answers makes no difference.
    for (const std::string& request : leftovers_) connection->Request(request, "").IgnoreError();
  }
  leftovers_.clear();
}

}  // namespace penstock::bench
