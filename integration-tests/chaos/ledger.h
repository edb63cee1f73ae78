// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chaos/event_plan.h"

namespace penstock::chaos {

enum class Entry : std::uint8_t {
  kAttempt = 1,    ///< publisher: about to publish
  kAcked,          ///< publisher: the PubAck came
  kReady,          ///< consumer: subscribed, or standing by
  kStart,          ///< consumer: a handler begins
  kEnd,            ///< consumer: a handler is about to return
  kFailedPublish,  ///< publisher: the publish ended with an error
  kAwait,          ///< publisher: begins to wait for the result of a task
  kAwaited,        ///< publisher: that has ended
  kNotSaved,       ///< consumer: the handler of a task ended, its state could not be saved: it is tried again
  kSeen,           ///< consumer: a task came again that its key's state has seen
};

enum class Result : std::uint8_t {
  kNone,
  kDone,        ///< handled; the message will be acknowledged
  kFailed,      ///< asked for a retry, or threw
  kRejected,    ///< poison, to the dead letters
  kUnexpected,  ///< the payload was none of this run's
};

/// One line of a ledger.
struct Record {
  std::int64_t time_ns = 0;  ///< CLOCK_MONOTONIC, which all processes of a machine share
  std::uint64_t stream_sequence = 0;
  EventRef event{};
  std::uint32_t delivery = 0;  ///< how often the server had delivered it
  std::uint16_t incarnation = 0;
  Entry kind = Entry::kAttempt;
  Result result = Result::kNone;
};
// A record that crossed a page could be torn by SIGKILL; one whose size divides the page's cannot.
static_assert(sizeof(Record) == 32 && std::is_trivially_copyable_v<Record>);

/// One line of a ledger of tasks (tasks/task_plan.h), which is kept beside the ledger of events.
struct TaskRecord {
  Record record{};
  std::int64_t wall_ns = 0;   ///< of the system clock, by which tasks are due
  std::int64_t due_ns = 0;    ///< of an attempt: the time of the system clock that it is delayed to; 0: it is not
  std::uint64_t counted = 0;  ///< of a handler's end, and of a result: what the key's state had counted
  std::uint64_t unused = 0;   ///< so that the size divides that of a page
};
static_assert(sizeof(TaskRecord) == 64 && std::is_trivially_copyable_v<TaskRecord>);

/// Now, as records state it.
std::int64_t MonotonicNow();

/// Appends records to a file, one write each: what `Append` returned for survives SIGKILL of the process.
///
/// **Thread safety:** thread-safe. **Ownership:** owns the descriptor.
class LedgerWriter {
 public:
  /// Opens or makes `path`. `kInternal` when that fails.
  static absl::StatusOr<LedgerWriter> Open(const std::string& path);
  LedgerWriter(LedgerWriter&& other) noexcept;
  LedgerWriter& operator=(LedgerWriter&&) = delete;
  ~LedgerWriter();

  /// Ends the process with exit code 3 when the file cannot take it: going on would make the books lie.
  void Append(const Record& record) const { Write(&record, sizeof record); }
  void Append(const TaskRecord& record) const { Write(&record, sizeof record); }

 private:
  void Write(const void* record, std::size_t bytes) const;
  explicit LedgerWriter(int file) : file_(file) {}
  int file_;
};

/// Reads a ledger of `Line`s that may still be growing. Thread-confined.
template <typename Line>
class LedgerReaderOf {
 public:
  /// The file may come into being later.
  explicit LedgerReaderOf(std::string path) : path_(std::move(path)) {}
  LedgerReaderOf(LedgerReaderOf&& other) noexcept;
  LedgerReaderOf& operator=(LedgerReaderOf&&) = delete;
  ~LedgerReaderOf();

  /// The entries appended since the last call, in the file's order.
  std::vector<Line> ReadNew();

 private:
  std::string path_;
  int file_ = -1;
};
extern template class LedgerReaderOf<Record>;
extern template class LedgerReaderOf<TaskRecord>;
using LedgerReader = LedgerReaderOf<Record>;
using TaskLedgerReader = LedgerReaderOf<TaskRecord>;

}  // namespace penstock::chaos
