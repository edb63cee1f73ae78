// SPDX-License-Identifier: Apache-2.0
#include "chaos/report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::chaos {
namespace {

constexpr std::uint64_t kFewestAcked = 1000;

std::size_t Injected(const Report& report) {
  return std::accumulate(report.faults.begin(), report.faults.end(), std::size_t{0},
                         [](std::size_t sum, const auto& fault) { return sum + fault.second; });
}

double Rounded(double number) { return std::round(number * 10) / 10; }

std::vector<Recovery> Sorted(std::vector<Recovery> recoveries) {
  std::sort(recoveries.begin(), recoveries.end(), [](const Recovery& a, const Recovery& b) { return a.ms < b.ms; });
  if (recoveries.empty()) recoveries.emplace_back();
  return recoveries;
}

const char* WireName(const Report& report) { return report.tls ? "TLS" : "plaintext"; }

double PerSecond(const Report& report) {
  return report.seconds > 0 ? std::round(static_cast<double>(report.findings.handled) / report.seconds) : 0;
}

}  // namespace

std::vector<std::string> Shortcomings(const Report& report) {
  const Findings& found = report.findings;
  std::vector<std::string> reasons;
  auto expect = [&](bool fine, std::string reason) {
    if (!fine) reasons.push_back(std::move(reason));
  };
  auto none = [&](std::uint64_t count, const char* what) { expect(count == 0, absl::StrCat(count, " ", what)); };
  expect(report.failure.empty(), report.failure);
  none(found.lost, "lost");
  none(found.order_violations, "order violations");
  none(found.unexpected, "unexpected");
  none(found.duplicated_in_stream, "stored twice");
  none(found.wrongly_dead_lettered, "dead letters that are no poison");
  none(found.concurrent_handlers, "handlers that ran beside another of their key");
  none(found.reruns_without_crash, "handled again without a crash of the consumer");
  none(found.reruns_beyond_window, "handled again after a crash beyond what the window had held");
  const std::size_t injected = Injected(report);
  expect(injected == report.faults_asked,
         absl::StrCat(injected, " faults injected of ", report.faults_asked, " asked for"));
  expect(found.acked >= kFewestAcked,
         absl::StrCat("only ", found.acked, " acked: a run proves nothing below ", kFewestAcked));
  expect(found.acked == report.events, absl::StrCat(found.acked, " acked of ", report.events, " events"));
  for (std::string& reason : Losses(report.tasks)) reasons.push_back(std::move(reason));
  for (std::string& reason : Violations(report.tasks, /*two_owners_excluded=*/true))
    reasons.push_back(std::move(reason));
  return reasons;
}

std::string ToJson(const Report& report) {
  const Findings& found = report.findings;
  const std::vector<Recovery> recoveries = Sorted(report.recoveries);
  const nlohmann::ordered_json json = {{"seed", report.seed},
                                       {"server", report.server},
                                       {"wire", WireName(report)},
                                       {"events", report.events},
                                       {"published", found.published},
                                       {"acked", found.acked},
                                       {"handled", found.handled},
                                       {"dead_lettered", found.dead_lettered},
                                       {"wrongly_dead_lettered", found.wrongly_dead_lettered},
                                       {"lost", found.lost},
                                       {"lost_prefix", found.lost_prefix},
                                       {"lost_middle", found.lost_middle},
                                       {"lost_postfix", found.lost_postfix},
                                       {"unexpected", found.unexpected},
                                       {"duplicated_in_stream", found.duplicated_in_stream},
                                       {"order_violations", found.order_violations},
                                       {"concurrent_handlers", found.concurrent_handlers},
                                       {"reruns_without_crash", found.reruns_without_crash},
                                       {"reruns_after_crash", found.reruns_after_crash},
                                       {"consumer_crashes", found.consumer_crashes},
                                       {"max_reruns_per_crash", found.max_reruns_per_crash},
                                       {"reruns_beyond_window", found.reruns_beyond_window},
                                       {"tasks", ToJson(report.tasks)},
                                       {"credit", report.credit},
                                       {"faults", report.faults},
                                       {"faults_injected", Injected(report)},
                                       {"recovery_ms",
                                        {{"p50", Rounded(recoveries[recoveries.size() / 2].ms)},
                                         {"max", Rounded(recoveries.back().ms)},
                                         {"slowest", recoveries.back().fault}}},
                                       {"seconds", Rounded(report.seconds)},
                                       {"events_per_second", PerSecond(report)},
                                       {"failed", Shortcomings(report)}};
  return json.dump();
}

std::string ToText(const Report& report) {
  const Findings& found = report.findings;
  const std::vector<Recovery> recoveries = Sorted(report.recoveries);
  std::string text = absl::StrFormat(
      "chaos with seed %d on nats-server %s over %s: %d events in %.1f s, %.0f a second\n"
      "  acked %d, handled %d, dead letters %d\n"
      "  lost %d (prefix %d, middle %d, postfix %d), unexpected %d, stored twice %d\n"
      "  order violations %d, handlers side by side %d\n"
      "  handled again: %d without a crash, %d after %d crashes, at most %d after one (credit %d)\n"
      "  recovery: p50 %.1f ms, longest %.1f ms (%s), of %d faults\n",
      report.seed, report.server, WireName(report), report.events, report.seconds, PerSecond(report), found.acked,
      found.handled, found.dead_lettered, found.lost, found.lost_prefix, found.lost_middle, found.lost_postfix,
      found.unexpected, found.duplicated_in_stream, found.order_violations, found.concurrent_handlers,
      found.reruns_without_crash, found.reruns_after_crash, found.consumer_crashes, found.max_reruns_per_crash,
      report.credit, recoveries[recoveries.size() / 2].ms, recoveries.back().ms, recoveries.back().fault,
      Injected(report));
  text += ToText(report.tasks);
  for (const auto& [kind, count] : report.faults) absl::StrAppend(&text, "    ", kind, " ", count, "\n");
  for (const std::string& reason : Shortcomings(report)) absl::StrAppend(&text, "  FAILED: ", reason, "\n");
  return text;
}

}  // namespace penstock::chaos
