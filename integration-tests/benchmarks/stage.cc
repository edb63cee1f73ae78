// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/stage.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "benchmarks/child.h"
#include "benchmarks/measurement.h"
#include "support/test_certificate.h"

namespace penstock::bench {
namespace {

constexpr std::uint64_t kWarmUpShare = 10;

bool NeedsServer(const Contest& contest) {
  return contest.ours.ground != Ground::kNone ||
         std::ranges::any_of(contest.peers, [](const Side& peer) { return peer.ground != Ground::kNone; });
}

void Append(const std::vector<std::string>& more, std::vector<std::string>& command) {
  command.insert(command.end(), more.begin(), more.end());
}

std::string FilledTopic(Round round) { return round == Round::kWarmUp ? "warmup" : "events"; }

}  // namespace

std::uint64_t SizeOf(const Side& side, Round round) {
  return round == Round::kMeasured ? side.size : std::max<std::uint64_t>(1, side.size / kWarmUpShare);
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Set(const Contest& contest, const std::filesystem::path& programs) {
  std::unique_ptr<Stage> stage(new Stage(programs));
  if (!NeedsServer(contest)) return stage;
  if (absl::Status launched = stage->Launch(contest); !launched.ok()) return launched;
  if (contest.ours.ground != Ground::kFilledStream) return stage;
  for (const Round round : {Round::kWarmUp, Round::kMeasured}) {
    if (absl::Status filled = stage->Fill(contest, round); !filled.ok()) return filled;
  }
  return stage;
}

absl::Status Stage::Launch(const Contest& contest) {
  testing::NatsServerOptions options;
  if (contest.tls) {
    const auto certificate = testing::TestCertificate::Get();
    if (!certificate.ok()) return certificate.status();
    options.config = (*certificate)->ServerConfig();
    tls_ca_ = (*certificate)->file();
  }
  auto server = testing::NatsServer::Launch(std::move(options));
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  return absl::OkStatus();
}

std::vector<std::string> Stage::OptionsFor(const Names& names) const {
  std::vector<std::string> options = {"--url", server_->url(), "--stream", names.stream(), "--subject", names.topic};
  if (!tls_ca_.empty()) Append({"--tls-ca", tls_ca_}, options);
  return options;
}

absl::Status Stage::Fill(const Contest& contest, Round round) {
  std::vector<std::string> command = {programs_ / "peers/fill", "--messages",
                                      absl::StrCat(SizeOf(contest.ours, round))};
  Append(OptionsFor({.topic = FilledTopic(round)}), command);
  Append(contest.fill, command);
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
  Append(side.arguments, command);
  if (!side.size_option.empty()) Append({side.size_option, absl::StrCat(SizeOf(side, round))}, command);
  if (side.ground == Ground::kNone) return command;
  const Names names = NamesOf(side, round);
  std::vector<std::string> options = OptionsFor(names);
  Append({"--durable", names.durable}, options);
  Append(options, command);
  clean_up_ = {programs_ / "peers/clean_up"};
  Append(options, clean_up_);
  if (side.ground == Ground::kFilledStream) clean_up_.emplace_back("--keep-stream");
  return command;
}

void Stage::CleanUp() {
  if (clean_up_.empty()) return;
  // A program may well have tidied up itself: what comes of this makes no difference.
  RunToEnd(clean_up_, kRunDeadline).IgnoreError();
  clean_up_.clear();
}

}  // namespace penstock::bench
