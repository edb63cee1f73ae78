// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::demo {
namespace {

constexpr std::size_t kMismatchesShown = 10;
constexpr char kBold[] = "1";
constexpr char kDim[] = "2";
constexpr char kGood[] = "32";
constexpr char kBad[] = "1;31";
constexpr char kNotable[] = "33";

double InMilliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string Row(const Style& style, const char* name, const char* code, const std::string& value,
                const std::string& remark = {}) {
  // Padded before it is painted: colour codes have no width.
  const std::string cell = Paint(style, code, absl::StrFormat("%12s", value));
  const std::string text = absl::StrFormat("  %-17s%s  %s", name, cell, Paint(style, kDim, remark));
  return text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
}

// A row of something that should not have happened.
std::string ZeroRow(const Style& style, const char* name, std::uint64_t count) {
  return Row(style, name, count == 0 ? kGood : kBad, Grouped(count));
}

std::string Plural(std::size_t count, const char* one, const char* many) {
  return absl::StrCat(Grouped(count), " ", count == 1 ? one : many);
}

std::string CountRows(const Report& report, const Style& style) {
  const Tally& tally = report.tally;
  std::string rows = Row(style, "events", kBold, Grouped(report.events), report.history);
  rows += Row(style, "aggregates", kBold, Grouped(report.aggregates),
              report.repeat == 1 ? "packages" : absl::StrCat("packages, ", report.repeat, " times over"));
  rows += Row(style, "handled", tally.handled == report.events ? kGood : kBad, Grouped(tally.handled),
              tally.handled_twice == 0 ? "" : absl::StrCat(Grouped(tally.handled_twice), " of them twice"));
  rows += ZeroRow(style, "lost", report.lost());
  rows += ZeroRow(style, "order violations", tally.order_violations);
  rows += ZeroRow(style, "state mismatches", report.comparison.mismatches.size());
  rows +=
      Row(style, "retried", kNotable, Grouped(tally.retried),
          absl::StrCat("after ", Grouped(tally.failed), " failures and ", Grouped(tally.thrown), " throws, injected"));
  rows += Row(style, "restarted", kNotable, Grouped(report.restarted), "actors, by their supervisor");
  rows += Row(style, "dead-lettered", report.dead_lettered == 0 ? kGood : kBad, Grouped(report.dead_lettered));
  return rows;
}

std::string SpeedRows(const Report& report, const Style& style) {
  std::string rows = Row(style, "throughput", kBold, Grouped(static_cast<std::uint64_t>(report.throughput())),
                         absl::StrCat("events/s, first send to last ack (", Milliseconds(report.elapsed), " ms)"));
  rows += Row(style, "latency", kBold, absl::StrCat(Milliseconds(report.p50), " / ", Milliseconds(report.p99)),
              "ms, p50 / p99, publish to handled, at full load");
  rows += Row(style, "transport", kBold, report.transport, report.storage);
  rows += Row(style, "actors", kBold, Grouped(report.actors),
              absl::StrCat("on ", Plural(report.workers, "worker thread", "worker threads")));
  return rows;
}

std::string Agreement(const Report& report) {
  const Comparison& found = report.comparison;
  std::string text = absl::StrCat("  dpkg's database agrees: ", Grouped(found.installed), " installed");
  if (found.config_files > 0)
    absl::StrAppend(&text, ", ", Grouped(found.config_files), " removed with configuration kept");
  if (found.not_installed > 0) absl::StrAppend(&text, ", ", Grouped(found.not_installed), " gone");
  if (found.in_between > 0) absl::StrAppend(&text, ", ", Grouped(found.in_between), " half-way");
  return text + ".\n";
}

std::string Explanations(const Report& report) {
  const Comparison& found = report.comparison;
  std::string text = Agreement(report);
  if (found.begin_midway > 0) {
    absl::StrAppend(&text, "  ", Plural(found.begin_midway, "history begins", "histories begin"),
                    " midway: the package was there before these logs.\n");
  }
  if (found.moved > 0) {
    absl::StrAppend(&text, "  ", Plural(found.moved, "history goes", "histories go"),
                    " on under another architecture of the same name, compared there.\n");
  }
  if (found.without_history > 0) {
    absl::StrAppend(&text, "  ", Plural(found.without_history, "package", "packages"),
                    " in the database without any event: installed before these logs.\n");
  }
  return text;
}

std::string Mismatches(const Report& report) {
  std::string text;
  const auto& mismatches = report.comparison.mismatches;
  for (std::size_t i = 0; i < std::min(mismatches.size(), kMismatchesShown); ++i) {
    absl::StrAppend(&text, "  ", mismatches[i].package, ": folded to ", mismatches[i].folded,
                    ", should be: ", mismatches[i].expected, "\n");
  }
  if (mismatches.size() > kMismatchesShown) {
    absl::StrAppend(&text, "  and ", Grouped(mismatches.size() - kMismatchesShown), " more\n");
  }
  if (!mismatches.empty() && report.dpkg_busy)
    text += "  dpkg was at work while its log was read; run again when it is done\n";
  return text;
}

}  // namespace

std::string Paint(const Style& style, const char* code, const std::string& text) {
  return style.colour && !text.empty() ? absl::StrCat("\x1b[", code, "m", text, "\x1b[0m") : text;
}

std::string Grouped(std::uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string Milliseconds(std::chrono::nanoseconds duration) {
  const double value = InMilliseconds(duration);
  if (value >= 100) return Grouped(static_cast<std::uint64_t>(std::llround(value)));
  return value >= 10 ? absl::StrFormat("%.1f", value) : absl::StrFormat("%.2f", value);
}

double Report::throughput() const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(tally.handled) / seconds : 0;
}

bool Report::good() const {
  return tally.handled == events && lost() == 0 && tally.order_violations == 0 && comparison.mismatches.empty();
}

std::string RenderJson(const Report& report) {
  const auto rounded = [](double value) { return static_cast<double>(std::llround(value * 1000)) / 1000; };
  return nlohmann::ordered_json{{"events", report.events},
                                {"aggregates", report.aggregates},
                                {"handled", report.tally.handled},
                                {"lost", report.lost()},
                                {"order_violations", report.tally.order_violations},
                                {"state_mismatches", report.comparison.mismatches.size()},
                                {"retried", report.tally.retried},
                                {"restarted", report.restarted},
                                {"dead_lettered", report.dead_lettered},
                                {"throughput_msg_s", rounded(report.throughput())},
                                {"p50_ms", rounded(InMilliseconds(report.p50))},
                                {"p99_ms", rounded(InMilliseconds(report.p99))},
                                {"transport", report.transport},
                                {"storage", report.storage},
                                {"handled_twice", report.tally.handled_twice},
                                {"actors", report.actors},
                                {"workers", report.workers},
                                {"begin_midway", report.comparison.begin_midway},
                                {"moved", report.comparison.moved},
                                {"without_history", report.comparison.without_history}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string RenderSummary(const Report& report, const Style& style) {
  const std::string title = Paint(style, kBold, "  This machine's package history, replayed through Penstock");
  const std::string verdict =
      report.good() ? Paint(style, "1;32", "  OK") + "  nothing lost, every package in order and where dpkg says it is"
                    : Paint(style, kBad, "  FAILED") + "  see the rows that should be zero";
  return absl::StrCat("\n", title, "\n\n", CountRows(report, style), SpeedRows(report, style), "\n",
                      Explanations(report), Mismatches(report), "\n", verdict, "\n");
}

}  // namespace penstock::demo
