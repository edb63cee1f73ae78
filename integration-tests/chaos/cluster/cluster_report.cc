// SPDX-License-Identifier: Apache-2.0
#include "chaos/cluster/cluster_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace penstock::chaos {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kFewestAcked = 1000;

// 2.9.21 as 2'009'021; 0 for what is no version.
int Rank(const std::string& version) {
  const std::vector<std::string> parts = absl::StrSplit(version, '.');
  int rank = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    int number = 0;
    if (i >= parts.size() || !absl::SimpleAtoi(parts[i].substr(0, parts[i].find('-')), &number)) return 0;
    rank = rank * 1000 + number;
  }
  return rank;
}

double Rounded(double number) { return std::round(number * 10) / 10; }

struct Spread {
  double p50 = 0;
  double max = 0;
};

Spread SpreadOf(std::vector<double> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  return {times[times.size() / 2], times.back()};
}

std::size_t Injected(const ClusterReport& report) {
  std::size_t sum = 0;
  for (const auto& [name, times] : report.faults) sum += times.injected;
  return sum;
}

// The findings that follow from two owners.
struct OfTwoOwners {
  const Count& count;
  const char* what;
};

std::array<OfTwoOwners, 3> FollowingFromTwoOwners(const ClusterFindings& found) {
  return {{{found.overlaps, "handlers that began beside one of their key in another process"},
           {found.begun_after_later, "begun after a later one of their key"},
           {found.reruns_living_owner, "handled again after a take-over from an owner that lived"}}};
}

struct Reasons {
  std::vector<std::string> list{};

  void Expect(bool fine, std::string reason) {
    if (!fine) list.push_back(std::move(reason));
  }
  void Add(std::vector<std::string> more) {
    for (std::string& reason : more) list.push_back(std::move(reason));
  }
  void ExpectNone(std::uint64_t count, const std::string& what) { Expect(count == 0, absl::StrCat(count, " ", what)); }
};

Json ToJson(const Count& count) { return {{"elsewhere", count.elsewhere}, {"across_route_cut", count.across_cut}}; }

Json ToJson(const FaultTimes& times) {
  const Spread recovery = SpreadOf(times.recovery_ms);
  const Spread election = SpreadOf(times.election_ms);
  return {{"injected", times.injected},
          {"recovered", times.recovery_ms.size()},
          {"recovery_ms", {{"p50", Rounded(recovery.p50)}, {"max", Rounded(recovery.max)}}},
          {"elections", times.election_ms.size()},
          {"election_ms", {{"p50", Rounded(election.p50)}, {"max", Rounded(election.max)}}}};
}

std::string TextOf(const std::string& name, const FaultTimes& times) {
  const Spread recovery = SpreadOf(times.recovery_ms);
  const Spread election = SpreadOf(times.election_ms);
  return absl::StrFormat("    %-24s %8d %11.0f %9.0f %11.0f %9.0f\n", name, times.injected, recovery.p50, recovery.max,
                         election.p50, election.max);
}

}  // namespace

bool ExcludesTwoOwners(const ClusterReport& report) {
  constexpr int kSerialised = 2'009'021;
  return std::all_of(report.servers.begin(), report.servers.end(),
                     [](const std::string& version) { return Rank(version) >= kSerialised; });
}

std::vector<std::string> Losses(const ClusterReport& report) {
  const Findings& found = report.findings.basics;
  Reasons reasons;
  reasons.Expect(report.failure.empty(), report.failure);
  reasons.ExpectNone(found.lost, "lost");
  reasons.ExpectNone(found.unexpected, "unexpected");
  reasons.ExpectNone(found.wrongly_dead_lettered, "dead letters that are no poison");
  const std::size_t injected = Injected(report) + report.skipped.size();
  reasons.Expect(injected == report.faults_asked,
                 absl::StrCat(Injected(report), " faults injected of ", report.faults_asked, " asked for, ",
                              report.skipped.size(), " skipped"));
  reasons.Expect(found.acked >= kFewestAcked,
                 absl::StrCat("only ", found.acked, " acked: a run proves nothing below ", kFewestAcked));
  reasons.Expect(found.acked == report.events, absl::StrCat(found.acked, " acked of ", report.events, " events"));
  reasons.Add(Losses(report.tasks));
  return reasons.list;
}

std::vector<std::string> Shortcomings(const ClusterReport& report) {
  const ClusterFindings& found = report.findings;
  Reasons reasons{Losses(report)};
  reasons.ExpectNone(found.stored_twice, "stored twice");
  reasons.ExpectNone(found.publish_inversions, "stored before one of their key that was published earlier");
  reasons.ExpectNone(found.inversions_after_failure, "stored before one of their key whose publish had failed");
  reasons.ExpectNone(found.concurrent_in_process.total(),
                     "handlers that ran beside another of their key in one process");
  for (const auto& [count, what] : FollowingFromTwoOwners(found)) {
    reasons.ExpectNone(count.elsewhere, what);
    if (ExcludesTwoOwners(report)) reasons.ExpectNone(count.across_cut, absl::StrCat(what, ", across a route cut"));
  }
  reasons.ExpectNone(found.reruns_owner_stayed.total(), "handled again although the owner stayed the owner");
  reasons.ExpectNone(found.reruns_beyond_window, "handled again after a crash beyond what the window had held");
  reasons.ExpectNone(found.reruns_below_floor,
                     "handled again after the consumer was deleted, below its acknowledgement floor");
  reasons.ExpectNone(report.ended_by_themselves, "processes that ended by themselves");
  reasons.Expect(
      report.stalls.empty(),
      absl::StrCat(report.stalls.size(), " times a standstill of 20s: ", absl::StrJoin(report.stalls, ", ")));
  reasons.Add(Violations(report.tasks, ExcludesTwoOwners(report)));
  return reasons.list;
}

std::vector<std::string> NotPromised(const ClusterReport& report) {
  std::vector<std::string> seen;
  if (ExcludesTwoOwners(report)) return seen;
  for (const auto& [count, what] : FollowingFromTwoOwners(report.findings)) {
    if (count.across_cut > 0) seen.push_back(absl::StrCat(count.across_cut, " ", what, ", across a route cut"));
  }
  return seen;
}

std::string ToJson(const ClusterReport& report) {
  const ClusterFindings& found = report.findings;
  Json faults = Json::object();
  for (const auto& [name, times] : report.faults) faults[name] = ToJson(times);
  const Json json = {{"seed", report.seed},
                     {"nodes", report.nodes},
                     {"servers", report.servers},
                     {"wire", report.tls ? "TLS" : "plaintext"},
                     {"events", report.events},
                     {"acked", found.basics.acked},
                     {"handled", found.basics.handled},
                     {"dead_lettered", found.basics.dead_lettered},
                     {"wrongly_dead_lettered", found.basics.wrongly_dead_lettered},
                     {"lost", found.basics.lost},
                     {"unexpected", found.basics.unexpected},
                     {"stored_twice", found.stored_twice},
                     {"publish_inversions", found.publish_inversions},
                     {"publish_inversions_after_failure", found.inversions_after_failure},
                     {"overlaps", ToJson(found.overlaps)},
                     {"concurrent_in_process", ToJson(found.concurrent_in_process)},
                     {"begun_after_later", ToJson(found.begun_after_later)},
                     {"reruns",
                      {{"owner_stayed", ToJson(found.reruns_owner_stayed)},
                       {"living_owner", ToJson(found.reruns_living_owner)},
                       {"cut_off_owner", ToJson(found.reruns_cut_off_owner)},
                       {"after_crash", found.reruns_after_crash},
                       {"beyond_window", found.reruns_beyond_window},
                       {"after_deletion", found.reruns_after_deletion},
                       {"below_floor", found.reruns_below_floor}}},
                     {"tasks", ToJson(report.tasks)},
                     {"consumer_crashes", found.basics.consumer_crashes},
                     {"ended_by_themselves", report.ended_by_themselves},
                     {"stalls", report.stalls},
                     {"servers_restarted", report.servers_restarted},
                     {"credit", report.credit},
                     {"faults", faults},
                     {"faults_injected", Injected(report)},
                     {"skipped", report.skipped},
                     {"seconds", Rounded(report.seconds)},
                     {"not_promised", NotPromised(report)},
                     {"failed", Shortcomings(report)}};
  return json.dump();
}

std::string ToText(const ClusterReport& report) {
  const ClusterFindings& found = report.findings;
  std::string text = absl::StrFormat(
      "chaos with seed %d on %d nodes of nats-server %s over %s: %d events in %.1f s\n"
      "  acked %d, handled %d, dead letters %d, lost %d, unexpected %d, stored twice %d\n"
      "  publish order: %d inversions, %d more after a failed publish\n"
      "  (elsewhere + across a route cut) overlaps %d + %d, begun after a later one %d + %d, side by side in a process "
      "%d\n"
      "  handled again: owner stayed %d, from a living owner %d + %d, from one cut off %d, after %d crashes %d (%d "
      "beyond "
      "the window), after a deletion %d (%d below the floor)\n"
      "  processes that ended by themselves %d, stalls %d, servers without a leader that were restarted %d\n",
      report.seed, report.nodes, absl::StrJoin(report.servers, ", "), report.tls ? "TLS" : "plaintext", report.events,
      report.seconds, found.basics.acked, found.basics.handled, found.basics.dead_lettered, found.basics.lost,
      found.basics.unexpected, found.stored_twice, found.publish_inversions, found.inversions_after_failure,
      found.overlaps.elsewhere, found.overlaps.across_cut, found.begun_after_later.elsewhere,
      found.begun_after_later.across_cut, found.concurrent_in_process.total(), found.reruns_owner_stayed.total(),
      found.reruns_living_owner.elsewhere, found.reruns_living_owner.across_cut, found.reruns_cut_off_owner.total(),
      found.basics.consumer_crashes, found.reruns_after_crash, found.reruns_beyond_window, found.reruns_after_deletion,
      found.reruns_below_floor, report.ended_by_themselves, report.stalls.size(), report.servers_restarted);
  text += ToText(report.tasks);
  absl::StrAppend(&text, "    fault                    injected recovery p50   max ms election p50    max ms\n");
  for (const auto& [name, times] : report.faults) text += TextOf(name, times);
  for (const std::string& reason : report.skipped) absl::StrAppend(&text, "  skipped: ", reason, "\n");
  for (const std::string& seen : NotPromised(report)) {
    absl::StrAppend(&text, "  not promised before nats-server 2.9.21: ", seen, "\n");
  }
  for (const std::string& reason : Shortcomings(report)) absl::StrAppend(&text, "  FAILED: ", reason, "\n");
  return text;
}

}  // namespace penstock::chaos
