// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/plot.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace penstock::bench {
namespace {

constexpr double kLabels = 420;  // the width of the names, on the left
constexpr double kBars = 480;
constexpr double kFigures = 60;  // room for a figure at either end of the bars
constexpr double kWidth = kLabels + kBars + 2 * kFigures;
constexpr double kLine = 20;
constexpr double kTop = 40;
constexpr double kMiddle = kLabels + kFigures + kBars / 2;

/// How many times as good as the peer: 2 is twice the rate, or half the latency.
double AdvantageOf(const RowResult& row) { return row.figure == Figure::kRate ? row.ratio : 1 / row.ratio; }

std::vector<RowResult> Plottable(const std::vector<RowResult>& rows) {
  std::vector<RowResult> plottable;
  std::ranges::copy_if(rows, std::back_inserter(plottable),
                       [](const RowResult& row) { return row.failed.empty() && row.absent.empty() && row.ratio > 0; });
  return plottable;
}

/// The advantage at the ends of the scale: a power of two, the same both ways.
double ReachOf(const std::vector<RowResult>& rows) {
  double doublings = 1;
  for (const RowResult& row : rows) doublings = std::max(doublings, std::ceil(std::abs(std::log2(AdvantageOf(row)))));
  return doublings;
}

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

std::string Text(double x, double y, const std::string& anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, Escaped(text));
}

std::string Bar(const RowResult& row, double y, double reach) {
  const double advantage = AdvantageOf(row);
  const double length = std::abs(std::log2(advantage)) / reach * kBars / 2;
  const bool ahead = advantage >= 1;
  const double end = ahead ? kMiddle + length : kMiddle - length;
  return absl::StrCat(
      Text(kLabels, y + kLine * 0.7, "end", absl::StrCat(row.name, " / ", row.peer_name)),
      absl::StrFormat("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
                      std::min(kMiddle, end), y + 3, std::max(length, 0.5), kLine - 6, ahead ? "#2e7d5b" : "#b3552e"),
      Text(ahead ? end + 4 : end - 4, y + kLine * 0.7, ahead ? "start" : "end", absl::StrFormat("%.2f", advantage)));
}

}  // namespace

std::string ToSvg(const std::vector<RowResult>& rows) {
  const std::vector<RowResult> plottable = Plottable(rows);
  const double reach = ReachOf(plottable);
  const double height = kTop + kLine * static_cast<double>(plottable.size()) + kLine / 2;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      kWidth, height);
  absl::StrAppend(&svg, Text(kMiddle, kTop / 2, "middle", "times as good as the peer (logarithmic)"));
  double y = kTop;
  for (const RowResult& row : plottable) {
    absl::StrAppend(&svg, Bar(row, y, reach));
    y += kLine;
  }
  absl::StrAppend(&svg, absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"black\"/>\n",
                                        kMiddle, kTop - 4, kMiddle, y));
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace penstock::bench
