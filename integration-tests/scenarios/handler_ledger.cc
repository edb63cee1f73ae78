// SPDX-License-Identifier: Apache-2.0
#include "handler_ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>

#include "absl/strings/str_cat.h"

namespace penstock::testing {
namespace {

// A handler from its beginning to its end.
struct Span {
  HandlerRecord start{};
  std::int64_t end_ns = INT64_MAX;
  bool excused = false;  // it ran while something was done to its process
};

std::string Name(const Span& span) {
  return absl::StrCat(span.start.key, ":", span.start.number, " in ", span.start.process);
}

std::vector<Span> Spans(const std::vector<HandlerRecord>& records, const std::set<pid_t>& killed,
                        const std::vector<std::int64_t>& faults) {
  std::map<std::pair<pid_t, std::string>, std::size_t> open;
  std::vector<Span> spans;
  for (const HandlerRecord& record : records) {
    const std::pair<pid_t, std::string> who(record.process, record.key);
    if (record.kind == 'S') {
      open[who] = spans.size();
      spans.push_back({.start = record});
    } else if (const auto found = open.find(who); record.kind == 'E' && found != open.end()) {
      spans[found->second].end_ns = record.at_ns;
      open.erase(found);
    }
  }
  for (Span& span : spans) {
    span.excused = (span.end_ns == INT64_MAX && killed.contains(span.start.process)) ||
                   std::any_of(faults.begin(), faults.end(), [&span](std::int64_t fault) {
                     return span.start.at_ns <= fault && fault <= span.end_ns;
                   });
  }
  return spans;
}

void ExcuseTheFirstAfter(const Wake& wake, std::vector<Span>& spans) {
  constexpr int kWorkers = 2;
  int left = kWorkers;
  for (Span& span : spans) {
    if (span.start.process != wake.process || span.start.at_ns < wake.at_ns) continue;
    if (left-- == 0) return;
    span.excused = true;
  }
}

// Of the spans in the order in which they began, those of different processes that ran at once.
void FindOverlaps(const std::vector<Span>& spans, LedgerFindings& findings) {
  std::optional<Span> last;  // of those that may not be overlapped, the one that ends last, of each process's turn
  for (const Span& span : spans) {
    if (span.excused) continue;
    if (last && last->start.process != span.start.process && span.start.at_ns < last->end_ns) {
      findings.overlaps.push_back(absl::StrCat(Name(*last), " and ", Name(span)));
    }
    if (!last || last->start.process != span.start.process || span.end_ns > last->end_ns) last = span;
  }
}

// When each event of a key ended for the first time.
std::map<std::uint64_t, std::int64_t> FirstEnds(std::vector<const Span*> of_key, LedgerFindings& findings) {
  std::sort(of_key.begin(), of_key.end(), [](const Span* a, const Span* b) { return a->end_ns < b->end_ns; });
  std::map<std::uint64_t, std::int64_t> first_end;
  for (const Span* span : of_key) {
    if (span->end_ns == INT64_MAX) continue;
    if (!first_end.emplace(span->start.number, span->end_ns).second) ++findings.reruns;
  }
  return first_end;
}

void ExamineKey(const std::vector<const Span*>& of_key, LedgerFindings& findings) {
  const std::map<std::uint64_t, std::int64_t> first_end = FirstEnds(of_key, findings);
  findings.handled += first_end.size();
  std::int64_t busy_until = 0;
  for (const Span* span : of_key) {
    const std::uint64_t number = span->start.number;
    const auto before = first_end.find(number - 1);
    if (number > 0 && (before == first_end.end() || before->second > span->start.at_ns)) {
      findings.violations.push_back(Name(*span) + " began before the one before it had ended");
    }
    if (span->excused) continue;
    if (span->start.at_ns < busy_until) findings.violations.push_back(Name(*span) + " began while its key was busy");
    busy_until = std::max(busy_until, span->end_ns);
  }
}

}  // namespace

std::int64_t MonotonicNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Spend(std::chrono::microseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  std::mutex mutex;
  std::condition_variable never_notified;
  std::unique_lock<std::mutex> lock(mutex);
  while (never_notified.wait_until(lock, until) != std::cv_status::timeout) {
  }
}

HandlerLedger::HandlerLedger(const std::string& path)
    : file_(open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {}

HandlerLedger::~HandlerLedger() { close(file_); }

void HandlerLedger::Write(char kind, std::string_view key, std::string_view number) {
  const std::string line = absl::StrCat(std::string(1, kind), " ", getpid(), " ", MonotonicNs(), " ", std::string(key),
                                        " ", std::string(number), "\n");
  [[maybe_unused]] const ssize_t written = write(file_, line.data(), line.size());
}

std::vector<HandlerRecord> ReadLedger(const std::string& path) {
  std::vector<HandlerRecord> records;
  std::ifstream file(path);
  HandlerRecord record;
  while (file >> record.kind >> record.process >> record.at_ns >> record.key >> record.number) {
    records.push_back(record);
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const HandlerRecord& a, const HandlerRecord& b) { return a.at_ns < b.at_ns; });
  return records;
}

LedgerFindings Examine(const std::vector<HandlerRecord>& records, const std::set<pid_t>& killed,
                       const std::vector<std::int64_t>& faults, const std::vector<Wake>& wakes) {
  std::vector<Span> spans = Spans(records, killed, faults);
  for (const Wake& wake : wakes) ExcuseTheFirstAfter(wake, spans);
  LedgerFindings findings;
  FindOverlaps(spans, findings);
  std::map<std::string, std::vector<const Span*>> by_key;
  for (const Span& span : spans) by_key[span.start.key].push_back(&span);
  for (const auto& [key, of_key] : by_key) ExamineKey(of_key, findings);
  return findings;
}

}  // namespace penstock::testing
