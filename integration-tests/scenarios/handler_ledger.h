// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::testing {

/// One line of a ledger. Times are of the system's monotonic clock, which all processes share.
struct HandlerRecord {
  char kind = 0;  ///< 'S' a handler begins, 'E' it has ended well, 'R' the process receives; with a store, 'W' it took
                  ///< a handler's write, 'X' it refused it, whose fence is `number`
  pid_t process = 0;
  std::int64_t at_ns = 0;
  std::string key{};
  std::uint64_t number = 0;
};

std::int64_t MonotonicNs();

/// Keeps a worker busy, as a handler would that waits for a database.
void Spend(std::chrono::microseconds time);

/// Appends records to a file, each with one write(2), so that what was written survives the death of the process.
/// Thread-safe; several processes may share the file.
class HandlerLedger {
 public:
  explicit HandlerLedger(const std::string& path);
  ~HandlerLedger();
  HandlerLedger(const HandlerLedger&) = delete;
  HandlerLedger& operator=(const HandlerLedger&) = delete;

  void Write(char kind, std::string_view key, std::string_view number);

 private:
  const int file_;
};

/// The ledger in the order of its times.
std::vector<HandlerRecord> ReadLedger(const std::string& path);

/// The findings of a ledger. Events of a key are numbered from 0 without gaps.
struct LedgerFindings {
  std::size_t handled = 0;                ///< different events that have ended
  std::size_t reruns = 0;                 ///< ends of events that had ended before
  std::vector<std::string> violations{};  ///< an event begun before the one before it had ended, or one key at twice
  std::vector<std::string> overlaps{};    ///< two processes at work at once
};

/// A process that was stopped and goes on.
struct Wake {
  pid_t process = 0;
  std::int64_t at_ns = 0;
};

/// `faults` are the times at which something was done to a process: a handler that ran at such a time may end late,
/// while another process has gone on, and is left out of the overlaps. Handlers of `killed` processes that have not
/// ended never will. Each of the two workers of a process may have been stopped between the question whether it may
/// begin and the first line of its handler, so that its first record after a wake is left out too.
LedgerFindings Examine(const std::vector<HandlerRecord>& records, const std::set<pid_t>& killed,
                       const std::vector<std::int64_t>& faults, const std::vector<Wake>& wakes = {});

}  // namespace penstock::testing
