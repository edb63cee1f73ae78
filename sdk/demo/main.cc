// SPDX-License-Identifier: Apache-2.0
// penstock-demo: replays this machine's package history as domain events and compares what comes out with dpkg's
// database.
#include <langinfo.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "comparison.h"
#include "faults.h"
#include "ledger.h"
#include "machine.h"
#include "replay.h"
#include "report.h"
#include "server_process.h"
#include "view.h"

namespace penstock::demo {
namespace {

constexpr int kGood = 0;
constexpr int kBad = 1;
constexpr int kCannotRun = 2;
constexpr int kSignalled = 128;
constexpr std::size_t kMostEvents = 5'000'000;  // the embedded bus keeps each in about 1 KiB of memory
constexpr std::chrono::milliseconds kTick{20};
constexpr int kTicksPerFrame = 5;
constexpr int kTicksPerLine = 50;

struct Options {
  bool embedded = false;
  bool json = false;
  std::size_t repeat = 1;
  MachineOptions machine{};
  FaultOptions faults{};
  ReplayOptions replay{};
};

void Declare(CLI::App& app, Options& options) {
  app.description(
      "Replays this machine's package history (dpkg's log) as domain events through an event bus and 256 supervised "
      "actors, lets some handlers fail and throw, and compares what comes out with dpkg's own database.");
  app.add_flag("--embedded", options.embedded, "Use the embedded transport, not a nats-server of our own");
  app.add_flag("--json", options.json, "Print one JSON object as the last line; progress goes to standard error");
  app.add_option("--repeat", options.repeat, "Replay the history this often, each time for packages of its own")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app.add_option("--actors", options.replay.actors, "Actors")->check(CLI::Range(1, 65'536))->capture_default_str();
  app.add_option("--workers", options.replay.workers, "Worker threads; 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--fail-percent", options.faults.fail_percent, "Events whose first attempt fails")
      ->check(CLI::Range(0.0, 50.0))
      ->capture_default_str();
  app.add_option("--throw-percent", options.faults.throw_percent, "Events whose first attempt throws")
      ->check(CLI::Range(0.0, 50.0))
      ->capture_default_str();
  app.add_option("--seed", options.faults.seed, "Chooses which")->capture_default_str();
  app.add_option("--log-dir", options.machine.log_directory, "Where dpkg's logs are")->capture_default_str();
  app.add_option("--dpkg-status", options.machine.dpkg_status, "dpkg's database")->capture_default_str();
  app.add_option("--metrics-port", options.replay.metrics_port,
                 "Serve /metrics on this port of 127.0.0.1; 0: any free one");
}

// Blocked for every thread, so that only `AwaitSignal` sees them.
sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

// The signal that came within `kTick`, or nothing.
std::optional<int> AwaitSignal() {
  const sigset_t signals = EndingSignals();
  const timespec tick{.tv_sec = 0, .tv_nsec = std::chrono::nanoseconds(kTick).count()};
  const int signal = sigtimedwait(&signals, nullptr, &tick);
  return signal > 0 ? std::optional<int>(signal) : std::nullopt;
}

void Write(std::FILE* stream, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

int Complain(const absl::Status& status) {
  Write(stderr, absl::StrCat("penstock-demo: ", std::string(status.message()), "\n"));
  return kCannotRun;
}

Style StyleOf(std::FILE* stream) {
  return {.colour = isatty(fileno(stream)) != 0 && std::getenv("NO_COLOR") == nullptr,
          .unicode = std::string(nl_langinfo(CODESET)) == "UTF-8"};
}

// A live view where a person looks, one line a second elsewhere. Removes the view when it goes.
class Display {
 public:
  Display(const std::string& title, bool json)
      : stream_(json ? stderr : stdout), live_(!json && isatty(STDOUT_FILENO) != 0), view_(title, StyleOf(stdout)) {
    if (!live_) Write(stream_, title + "\n");
  }
  ~Display() { Write(stream_, view_.Clear()); }
  Display(const Display&) = delete;
  Display& operator=(const Display&) = delete;

  void Tick(const Replay& replay) {
    const bool due = ++ticks_ % (live_ ? kTicksPerFrame : kTicksPerLine) == 0 || replay.done();
    if (due) Write(stream_, live_ ? view_.Frame(replay.progress()) : view_.Line(replay.progress()));
  }

 private:
  std::FILE* const stream_;
  const bool live_;
  ProgressView view_;
  int ticks_ = 0;
};

std::string DescribeHistory(const Machine& machine) {
  const auto& events = machine.history.events;
  const auto date = [](const HistoryEvent& event) { return event.line.substr(0, 10); };
  std::string text = absl::StrCat("from ", machine.logs.size(), machine.logs.size() == 1 ? " log, " : " logs, ",
                                  date(events.front()), " to ", date(events.back()));
  if (machine.history.garbled_lines > 0)
    absl::StrAppend(&text, ", ", machine.history.garbled_lines, " garbled lines left out");
  return text;
}

Comparison CompareAll(const Machine& machine, const Ledger& ledger, std::size_t repeat) {
  Comparison sum;
  for (std::size_t repetition = 0; repetition < repeat; ++repetition) {
    Comparison one = Compare(machine.history, ledger.States(repetition), machine.database);
    sum.installed += one.installed;
    sum.in_between += one.in_between;
    sum.config_files += one.config_files;
    sum.not_installed += one.not_installed;
    sum.moved += one.moved;
    sum.begin_midway += one.begin_midway;
    sum.without_history = one.without_history;
    for (Mismatch& mismatch : one.mismatches) sum.mismatches.push_back(std::move(mismatch));
  }
  return sum;
}

std::string DescribeRun(const Options& options, const Ledger& ledger, const Replay& replay) {
  std::string text = absl::StrCat(Grouped(ledger.events()), " package events into ", options.replay.actors,
                                  " actors, through ", options.embedded ? "the embedded bus" : options.replay.url);
  if (replay.metrics_port() != 0) absl::StrAppend(&text, ", http://127.0.0.1:", replay.metrics_port(), "/metrics");
  return text;
}

// Runs to the end, or to a signal, which it returns.
std::optional<int> Watch(const Replay& replay, const ServerProcess* server, Display& display) {
  while (!replay.done() && (server == nullptr || server->Runs())) {
    if (const auto signal = AwaitSignal(); signal.has_value()) return signal;
    display.Tick(replay);
  }
  return std::nullopt;
}

std::string DescribeStorage(const ServerProcess* server) {
  if (server == nullptr) return "embedded, in this process's memory";
  const double mebibytes = static_cast<double>(server->StoredBytes()) / (1 << 20);
  return absl::StrFormat("file stream in a nats-server of our own, %.1f MiB on disk", mebibytes);
}

int Conclude(const Options& options, const Report& report, const absl::Status& finished) {
  if (!finished.ok()) Write(stderr, absl::StrCat("penstock-demo: ", std::string(finished.message()), "\n"));
  if (options.json) {
    Write(stderr, RenderSummary(report, StyleOf(stderr)));
    Write(stdout, RenderJson(report) + "\n");
  } else {
    Write(stdout, RenderSummary(report, StyleOf(stdout)));
    if (isatty(STDOUT_FILENO) != 0 && options.repeat == 1) Write(stdout, "      too quick to watch? --repeat 50\n");
  }
  return finished.ok() && report.good() ? kGood : kBad;
}

int Run(Options options) {
  const auto machine = ReadMachine(options.machine);
  if (!machine.ok()) return Complain(machine.status());
  if (machine->history.events.size() > kMostEvents / options.repeat) {
    return Complain(absl::InvalidArgumentError(absl::StrCat("replay: ", machine->history.events.size(), " events ",
                                                            options.repeat, " times over are more than ",
                                                            Grouped(kMostEvents), "; lower --repeat")));
  }
  std::unique_ptr<ServerProcess> server;
  options.replay.url = "memory://";
  if (!options.embedded) {
    auto started = ServerProcess::Start();
    if (!started.ok()) return Complain(started.status());
    server = *std::move(started);
    options.replay.url = server->url();
  }
  Ledger ledger(machine->history, options.faults, options.repeat);
  Report report{.repeat = options.repeat, .history = DescribeHistory(*machine), .dpkg_busy = machine->dpkg_busy};
  absl::Status finished;
  {
    auto replay = Replay::Start(ledger, options.replay);
    if (!replay.ok()) return Complain(replay.status());
    {
      Display display(DescribeRun(options, ledger, **replay), options.json);
      if (const auto signal = Watch(**replay, server.get(), display); signal.has_value()) return kSignalled + *signal;
    }
    if (server && !server->Runs()) {
      finished = absl::UnavailableError(absl::StrCat("nats-server ended early; it said \"", server->LastWords(), "\""));
    }
    finished.Update((*replay)->Finish(report));
    report.storage = DescribeStorage(server.get());
  }
  report.comparison = CompareAll(*machine, ledger, options.repeat);
  return Conclude(options, report, finished);
}

}  // namespace
}  // namespace penstock::demo

int main(int argc, char** argv) {
  std::setlocale(LC_CTYPE, "");
  penstock::demo::Options options;
  CLI::App app;
  penstock::demo::Declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? penstock::demo::kGood : penstock::demo::kCannotRun;
  }
  const sigset_t signals = penstock::demo::EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return penstock::demo::Run(std::move(options));
}
