// SPDX-License-Identifier: Apache-2.0
#include "view.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace penstock::demo {
namespace {

constexpr std::size_t kBarCells = 48;
constexpr std::size_t kActorCells = 64;
constexpr double kMemory = 0.7;  // what one frame keeps of the one before
constexpr std::array<std::string_view, 9> kBlocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<std::string_view, 9> kAscii = {" ", ".", ".", ":", ":", "+", "+", "#", "#"};
constexpr char kHideCursorAndWrap[] = "\x1b[?25l\x1b[?7l";
constexpr char kShowCursorAndWrap[] = "\x1b[?7h\x1b[?25h";

double Share(const Progress& now) {
  return now.events == 0 ? 0 : std::min(1.0, static_cast<double>(now.handled) / static_cast<double>(now.events));
}

std::string Fact(const Style& style, const char* name, const char* code, const std::string& value) {
  return absl::StrCat(Paint(style, "2", name), Paint(style, code, absl::StrFormat("%9s", value)), "   ");
}

}  // namespace

void ProgressView::Follow(const Progress& now) {
  const double seconds = std::chrono::duration<double>(now.elapsed - last_.elapsed).count();
  if (seconds > 0) {
    const double rate = static_cast<double>(now.handled - last_.handled) / seconds;
    rate_ = rate_ == 0 ? rate : kMemory * rate_ + (1 - kMemory) * rate;
  }
  activity_.resize(now.actors.size());
  last_.actors.resize(now.actors.size());
  for (std::size_t i = 0; i < activity_.size(); ++i) {
    activity_[i] = kMemory * activity_[i] + static_cast<double>(now.actors[i] - last_.actors[i]);
  }
  last_ = now;
}

std::string ProgressView::Bar(double share) const {
  const auto full = static_cast<std::size_t>(share * kBarCells);
  std::string done;
  std::string rest;
  for (std::size_t i = 0; i < kBarCells; ++i) {
    (i < full ? done : rest) += style_.unicode ? (i < full ? "█" : "░") : (i < full ? "#" : "-");
  }
  return Paint(style_, "36", done) + Paint(style_, "2", rest);
}

std::string ProgressView::ActorBars() const {
  const std::size_t cells = std::min(kActorCells, activity_.size());
  std::vector<double> levels(cells, 0.0);
  for (std::size_t i = 0; i < activity_.size(); ++i) levels[i * cells / activity_.size()] += activity_[i];
  const double highest = cells == 0 ? 0 : *std::max_element(levels.begin(), levels.end());
  std::string bars;
  for (const double level : levels) {
    const double height = highest > 0 ? level / highest : 0;
    const auto step = static_cast<std::size_t>(height * 8 + (height > 0 ? 0.999 : 0));
    bars += (style_.unicode ? kBlocks : kAscii)[std::min<std::size_t>(step, 8)];
  }
  return Paint(style_, "36", bars);
}

std::string ProgressView::Frame(const Progress& now) {
  Follow(now);
  const std::vector<std::string> lines = {
      "",
      "  " + Paint(style_, "1", title_),
      "",
      absl::StrFormat("  %s  %3.0f %%", Bar(Share(now)), 100 * Share(now)),
      "",
      "  " + Fact(style_, "handled ", "1;32", Grouped(now.handled)) +
          Fact(style_, "events/s ", "1", Grouped(static_cast<std::uint64_t>(rate_))) +
          Fact(style_, "in flight", "1", Grouped(now.in_flight)),
      "  " + Fact(style_, "retried ", "33", Grouped(now.retried)) +
          Fact(style_, "restarted", "33", Grouped(now.restarted)) +
          Fact(style_, "held keys", "33", Grouped(now.held_keys)) + Fact(style_, "parked", "33", Grouped(now.parked)),
      "  " + Fact(style_, "p50 ms  ", "1", Milliseconds(now.p50)) +
          Fact(style_, "p99 ms   ", "1", Milliseconds(now.p99)) +
          Fact(style_, "disorder ", now.order_violations == 0 ? "32" : "1;31", Grouped(now.order_violations)),
      "",
      "  " + ActorBars() + Paint(style_, "2", "  actors"),
  };
  std::string frame = lines_drawn_ == 0 ? kHideCursorAndWrap : absl::StrFormat("\x1b[%dA", lines_drawn_);
  for (const std::string& line : lines) absl::StrAppend(&frame, "\r", line, "\x1b[K\n");
  lines_drawn_ = static_cast<int>(lines.size());
  return frame;
}

std::string ProgressView::Clear() {
  if (lines_drawn_ == 0) return {};
  const int lines = lines_drawn_;
  lines_drawn_ = 0;
  return absl::StrFormat("\x1b[%dA\r\x1b[J%s", lines, kShowCursorAndWrap);
}

std::string ProgressView::Line(const Progress& now) {
  Follow(now);
  return absl::StrFormat(
      "%5.1f s  handled %s of %s (%.0f/s)  in flight %s  retried %s  restarted %s  held keys %s  "
      "p50 %s ms  p99 %s ms\n",
      std::chrono::duration<double>(now.elapsed).count(), Grouped(now.handled), Grouped(now.events), rate_,
      Grouped(now.in_flight), Grouped(now.retried), Grouped(now.restarted), Grouped(now.held_keys),
      Milliseconds(now.p50), Milliseconds(now.p99));
}

}  // namespace penstock::demo
