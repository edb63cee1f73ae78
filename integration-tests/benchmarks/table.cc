// SPDX-License-Identifier: Apache-2.0
#include "benchmarks/table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace penstock::bench {
namespace {

using Line = std::vector<std::string>;

const Line& Header() {
  static const Line kHeader = {"row",   "unit",   "better",     "ours",       "peer",     "peer's",
                               "ratio", "spread", "cpu s/mill", "peer's cpu", "peak MiB", "peer's peak"};
  return kHeader;
}

/// The columns before this one are words, the others numbers; all but the one of peers.
bool IsText(std::size_t column) { return column <= 2 || column == 4; }

/// With three digits a group: 1,234,567.
std::string Grouped(double number) {
  std::string digits = absl::StrCat(static_cast<std::int64_t>(std::llround(number)));
  for (int place = static_cast<int>(digits.size()) - 3; place > 0; place -= 3)
    digits.insert(static_cast<std::size_t>(place), 1, ',');
  return digits;
}

std::string Number(double number, Figure figure) {
  return figure == Figure::kRate || number >= 1000 ? Grouped(number) : absl::StrFormat("%.1f", number);
}

std::string NameOf(const RowResult& row) {
  return row.rate ? absl::StrCat(row.name, " at ", Grouped(static_cast<double>(*row.rate)), " msg/s") : row.name;
}

Line LineOf(const RowResult& row) {
  Line line = {NameOf(row), UnitOf(row.figure), BetterOf(row.figure)};
  if (!row.failed.empty() || !row.absent.empty()) {
    line.insert(line.end(), {"", row.peer_name, row.failed.empty() ? "absent" : "failed"});
    line.resize(Header().size());
    return line;
  }
  line.insert(line.end(),
              {Number(row.ours, row.figure), row.peer_name, row.alone() ? "" : Number(row.peer, row.figure),
               row.alone() ? "" : absl::StrFormat("%.2f", row.ratio), absl::StrFormat("%.0f %%", row.spread * 100),
               absl::StrFormat("%.2f", row.our_cost.cpu_s_per_million)});
  line.push_back(row.peer_cost ? absl::StrFormat("%.2f", row.peer_cost->cpu_s_per_million) : "");
  line.push_back(absl::StrFormat("%.0f", row.our_cost.peak_rss_mib));
  line.push_back(row.peer_cost ? absl::StrFormat("%.0f", row.peer_cost->peak_rss_mib) : "");
  return line;
}

std::vector<Line> LinesOf(const std::vector<RowResult>& rows) {
  std::vector<Line> lines = {Header()};
  for (const RowResult& row : rows) lines.push_back(LineOf(row));
  return lines;
}

/// Why there is a peer without figures, once for each reason.
std::vector<std::string> NotesOf(const std::vector<RowResult>& rows) {
  std::vector<std::string> notes;
  for (const RowResult& row : rows) {
    std::string note;
    if (!row.failed.empty()) {
      note = absl::StrCat(row.name, " failed: ", row.failed);
    } else if (!row.absent.empty()) {
      note = absl::StrCat(row.peer_name, " is absent: ", row.absent);
    }
    absl::StrReplaceAll({{"\n", " "}}, &note);
    if (!note.empty() && std::ranges::find(notes, note) == notes.end()) notes.push_back(note);
  }
  return notes;
}

std::vector<std::size_t> WidthsOf(const std::vector<Line>& lines) {
  std::vector<std::size_t> widths(Header().size());
  for (const Line& line : lines) {
    for (std::size_t column = 0; column < line.size(); ++column)
      widths[column] = std::max(widths[column], line[column].size());
  }
  return widths;
}

std::string Aligned(const Line& line, const std::vector<std::size_t>& widths) {
  std::string text;
  for (std::size_t column = 0; column < line.size(); ++column) {
    const auto width = static_cast<int>(widths[column]);
    absl::StrAppend(&text, absl::StrFormat("%*s  ", IsText(column) ? -width : width, line[column]));
  }
  absl::StripTrailingAsciiWhitespace(&text);
  return absl::StrCat(text, "\n");
}

std::string MarkdownLine(const Line& line) { return absl::StrCat("| ", absl::StrJoin(line, " | "), " |\n"); }

}  // namespace

std::string Heading(const Report& report) {
  const Machine& machine = report.machine;
  return absl::StrFormat("%s, %d cores, load %.1f, Linux %s, nats-server %s, commit %s%s", machine.cpu, machine.cores,
                         machine.load_average, machine.kernel, machine.nats_server, machine.commit,
                         report.quick ? ", quick" : "");
}

std::string ToText(const std::vector<RowResult>& rows) {
  const std::vector<Line> lines = LinesOf(rows);
  const std::vector<std::size_t> widths = WidthsOf(lines);
  std::string text;
  for (const Line& line : lines) absl::StrAppend(&text, Aligned(line, widths));
  for (const std::string& note : NotesOf(rows)) absl::StrAppend(&text, note, "\n");
  return text;
}

std::string ToMarkdown(const std::vector<RowResult>& rows) {
  const std::vector<Line> lines = LinesOf(rows);
  std::string text = MarkdownLine(lines.front());
  for (std::size_t column = 0; column < Header().size(); ++column)
    absl::StrAppend(&text, IsText(column) ? "| --- " : "| ---: ");
  absl::StrAppend(&text, "|\n");
  for (std::size_t line = 1; line < lines.size(); ++line) absl::StrAppend(&text, MarkdownLine(lines[line]));
  for (const std::string& note : NotesOf(rows)) absl::StrAppend(&text, "\n", note, "\n");
  return text;
}

std::string ToText(const Report& report) {
  std::string text = absl::StrCat(Heading(report), "\n");
  if (!report.rows.empty()) absl::StrAppend(&text, "\n", ToText(report.rows));
  for (const auto& [table, rows] : report.scale) absl::StrAppend(&text, "\n", table, "\n", ToText(rows));
  return text;
}

std::string ToMarkdown(const Report& report) {
  std::string text = absl::StrCat(Heading(report), "\n");
  if (!report.rows.empty()) absl::StrAppend(&text, "\n", ToMarkdown(report.rows));
  for (const auto& [table, rows] : report.scale) absl::StrAppend(&text, "\n### ", table, "\n\n", ToMarkdown(rows));
  return text;
}

}  // namespace penstock::bench
