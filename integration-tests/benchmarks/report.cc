// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "benchmarks/statistics.h"

namespace penstock::bench {
namespace {

using Json = nlohmann::ordered_json;

std::vector<double> ValuesOf(const std::vector<Measurement>& runs, Figure figure) {
  std::vector<double> values;
  for (const Measurement& run : runs) values.push_back(ValueOf(run, figure).value_or(0));
  return values;
}

Cost CostOf(const std::vector<Measurement>& runs) {
  std::vector<double> cpu;
  std::vector<double> memory;
  for (const Measurement& run : runs) {
    cpu.push_back(run.cpu_s / run.messages * 1e6);
    memory.push_back(run.peak_rss_mib);
  }
  return {.cpu_s_per_million = Median(std::move(cpu)), .peak_rss_mib = Median(std::move(memory))};
}

/// Compares ours with the values of a peer, run by run.
RowResult Compared(const Row& row, const SideResult& ours, const std::string& peer_name,
                   const std::vector<double>& peer) {
  RowResult compared = {.name = row.name, .figure = row.figure, .peer_name = peer_name};
  const std::vector<double> values = ValuesOf(ours.runs, row.figure);
  const std::vector<double> ratios = PairedRatios(values, peer);
  compared.ours = Median(values);
  compared.peer = Median(peer);
  compared.ratio = Median(ratios);
  compared.spread = Spread(ratios);
  compared.pairs = ratios.size();
  compared.our_cost = CostOf(ours.runs);
  return compared;
}

RowResult ComparedWithPeer(const Row& row, const ContestResult& result, const std::string& name,
                           const SideResult& peer) {
  RowResult compared = Compared(row, result.ours, name, ValuesOf(peer.runs, row.figure));
  compared.absent = peer.absent;
  if (!peer.failed.empty()) compared.failed = absl::StrCat(name, ": ", peer.failed);
  if (!result.ours.failed.empty()) compared.failed = absl::StrCat("ours: ", result.ours.failed);
  compared.peer_cost = CostOf(peer.runs);
  if (result.rate > 0) compared.rate = result.rate;
  return compared;
}

RowResult ComparedWithIdeal(const Row& row, const SideResult& ours, const Ideal& ideal) {
  RowResult compared =
      Compared(row, ours, ideal.name, std::vector<double>(ours.runs.size(), ideal.messages_per_second));
  if (!ours.failed.empty()) compared.failed = absl::StrCat("ours: ", ours.failed);
  return compared;
}

RowResult Alone(const Row& row, const SideResult& ours) {
  RowResult alone = {.name = row.name, .figure = row.figure, .failed = ours.failed};
  const std::vector<double> values = ValuesOf(ours.runs, row.figure);
  alone.ours = Median(values);
  alone.spread = Spread(values);
  alone.pairs = values.size();
  alone.our_cost = CostOf(ours.runs);
  return alone;
}

double Rounded(double number, double digits) {
  const double factor = std::pow(10, digits);
  return std::round(number * factor) / factor;
}

void AddFigures(Json& json, const RowResult& row) {
  json["unit"] = UnitOf(row.figure);
  json["better"] = BetterOf(row.figure);
  json["ours"] = Rounded(row.ours, 1);
  if (!row.alone()) {
    json["peer"] = Rounded(row.peer, 1);
    json["ratio"] = Rounded(row.ratio, 3);
  }
  json["spread"] = Rounded(row.spread, 3);
  json["pairs"] = row.pairs;
  json["cpu_s_per_million"] = Rounded(row.our_cost.cpu_s_per_million, 3);
  json["peak_rss_mib"] = Rounded(row.our_cost.peak_rss_mib, 1);
  if (row.rate) json["rate"] = *row.rate;
  if (!row.peer_cost) return;
  json["peer_cpu_s_per_million"] = Rounded(row.peer_cost->cpu_s_per_million, 3);
  json["peer_peak_rss_mib"] = Rounded(row.peer_cost->peak_rss_mib, 1);
}

Json JsonOf(const RowResult& row) {
  Json json = {{"name", row.name}};
  if (!row.alone()) json["peer_name"] = row.peer_name;
  if (!row.failed.empty()) {
    json["failed"] = row.failed;
  } else if (!row.absent.empty()) {
    json["absent"] = row.absent;
  } else {
    AddFigures(json, row);
  }
  return json;
}

Json JsonOf(const std::vector<RowResult>& rows) {
  Json json = Json::array();
  for (const RowResult& row : rows) json.push_back(JsonOf(row));
  return json;
}

Json JsonOf(const Machine& machine) {
  return {{"cpu", machine.cpu},       {"cores", machine.cores},
          {"kernel", machine.kernel}, {"load_average", Rounded(machine.load_average, 2)},
          {"commit", machine.commit}, {"nats_server", machine.nats_server}};
}

}  // namespace

std::optional<double> ValueOf(const Measurement& run, Figure figure) {
  switch (figure) {
    case Figure::kRate:
      return run.messages / run.seconds;
    case Figure::kP50:
      return run.p50_us;
    case Figure::kP99:
      return run.p99_us;
    case Figure::kBytesPerIdleActor:
      return run.bytes_per_idle_actor;
    case Figure::kBytesPerIdleSubscription:
      return run.bytes_per_idle_subscription;
    case Figure::kBytesPerIdleKey:
      return run.bytes_per_idle_key;
    case Figure::kBytesPerMessageSeen:
      return run.bytes_per_message_seen;
  }
  return std::nullopt;
}

std::string UnitOf(Figure figure) {
  if (figure == Figure::kRate) return "msg/s";
  return figure == Figure::kP50 || figure == Figure::kP99 ? "us" : "bytes";
}

std::string BetterOf(Figure figure) { return figure == Figure::kRate ? "higher" : "lower"; }

std::vector<RowResult> RowsOf(const Contest& contest, const ContestResult& result) {
  std::vector<RowResult> rows;
  for (const Row& row : contest.rows) {
    for (std::size_t peer = 0; peer < contest.peers.size(); ++peer)
      rows.push_back(ComparedWithPeer(row, result, contest.peers[peer].name, result.peers[peer]));
    if (contest.ideal) rows.push_back(ComparedWithIdeal(row, result.ours, *contest.ideal));
    if (contest.peers.empty() && !contest.ideal) rows.push_back(Alone(row, result.ours));
  }
  return rows;
}

bool AnyFailed(const Report& report) {
  const auto failed = [](const std::vector<RowResult>& rows) {
    return std::ranges::any_of(rows, [](const RowResult& row) { return !row.failed.empty(); });
  };
  return failed(report.rows) ||
         std::ranges::any_of(report.scale, [&](const auto& table) { return failed(table.second); });
}

std::string ToJson(const Report& report) {
  Json json = {{"machine", JsonOf(report.machine)}, {"quick", report.quick}, {"rows", JsonOf(report.rows)}};
  for (const auto& [table, rows] : report.scale) json["scale"][table] = JsonOf(rows);
  return json.dump(2);
}

}  // namespace penstock::bench
