// SPDX-License-Identifier: Apache-2.0
#include "dlq.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "absl/strings/str_format.h"
#include "letter_text.h"
#include "penstock/sdk/service.h"

namespace penstock::tool {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;

void PrintLine(const std::string& line) { std::printf("%s\n", line.c_str()); }

/// One line on a terminal that says how far a redrive is. Written at most ten times a second.
class ProgressLine {
 public:
  ProgressLine() : shows_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (written_) std::fputs("\r\033[K", stderr);
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const RedriveReport& so_far) {
    const auto now = std::chrono::steady_clock::now();
    if (!shows_ || now < next_) return;
    next_ = now + std::chrono::milliseconds(100);
    written_ = true;
    const std::string line = absl::StrFormat("\r\033[K%d of %d sent, %d failed", so_far.sent + so_far.already_sent,
                                             so_far.matched, so_far.failed);
    std::fputs(line.c_str(), stderr);
  }

 private:
  const bool shows_;
  bool written_ = false;
  std::chrono::steady_clock::time_point next_{};
};

int List(const EventBus& bus, const Arguments& arguments, Format format) {
  const auto page = bus.dead_letters().List(arguments.query, arguments.list);
  if (!page.ok()) return ExitCode(page.status());
  for (const DeadLetter& letter : page->letters) PrintLine(LineOf(letter, format));
  PrintLine(SummaryOf(*page, format));
  return kDone;
}

int Show(const EventBus& bus, const Arguments& arguments, Format format) {
  const auto letter = bus.dead_letters().Get(arguments.id);
  if (!letter.ok()) return ExitCode(letter.status());
  std::fputs(WholeOf(*letter, format).c_str(), stdout);
  return kDone;
}

absl::StatusOr<RedriveReport> RedriveWithProgress(const EventBus& bus, const Arguments& arguments) {
  ProgressLine progress;
  RedriveOptions options = arguments.redrive;
  options.progress = [&progress](const RedriveReport& so_far) { progress.Show(so_far); };
  return bus.dead_letters().Redrive(arguments.query, options);
}

int Redrive(const EventBus& bus, const Arguments& arguments, Format format) {
  const auto report = RedriveWithProgress(bus, arguments);
  if (!report.ok()) return ExitCode(report.status());
  PrintLine(TextOf(*report, arguments.redrive.mode, format));
  return IsDone(*report, arguments.redrive) ? kDone : kFailed;
}

}  // namespace

int RunDlq(EventBus& bus, const Arguments& arguments) {
  const Format format = arguments.json ? Format::kJson : Format::kText;
  switch (arguments.verb) {
    case Arguments::Verb::kHelp:
      break;
    case Arguments::Verb::kList:
      return List(bus, arguments, format);
    case Arguments::Verb::kShow:
      return Show(bus, arguments, format);
    case Arguments::Verb::kRedrive:
      return Redrive(bus, arguments, format);
  }
  return kDone;
}

}  // namespace penstock::tool
