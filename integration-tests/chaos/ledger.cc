// SPDX-License-Identifier: Apache-2.0
#include "chaos/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::chaos {
namespace {

constexpr int kCannotWrite = 3;
constexpr std::size_t kBatch = 2048;

}  // namespace

std::int64_t MonotonicNow() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

absl::StatusOr<LedgerWriter> LedgerWriter::Open(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file >= 0) return LedgerWriter(file);
  return absl::InternalError(absl::StrCat("open ledger \"", path, "\": ", std::generic_category().message(errno)));
}

LedgerWriter::LedgerWriter(LedgerWriter&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

LedgerWriter::~LedgerWriter() {
  if (file_ >= 0) close(file_);
}

void LedgerWriter::Write(const void* record, std::size_t bytes) const {
  if (write(file_, record, bytes) == static_cast<ssize_t>(bytes)) return;
  std::fprintf(stderr, "append to the ledger: %s\n", std::generic_category().message(errno).c_str());
  _exit(kCannotWrite);
}

template <typename Line>
LedgerReaderOf<Line>::LedgerReaderOf(LedgerReaderOf&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

template <typename Line>
LedgerReaderOf<Line>::~LedgerReaderOf() {
  if (file_ >= 0) close(file_);
}

template <typename Line>
std::vector<Line> LedgerReaderOf<Line>::ReadNew() {
  std::vector<Line> records;
  if (file_ < 0) file_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) return records;
  std::vector<Line> batch(kBatch);
  while (true) {
    const ssize_t bytes = read(file_, batch.data(), kBatch * sizeof(Line));
    if (bytes <= 0) return records;
    const std::size_t whole = static_cast<std::size_t>(bytes) / sizeof(Line);
    records.insert(records.end(), batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(whole));
    // A record that is just being written is left for the next call.
    const auto rest = static_cast<off_t>(static_cast<std::size_t>(bytes) % sizeof(Line));
    if (rest == 0) continue;
    lseek(file_, -rest, SEEK_CUR);
    return records;
  }
}

template class LedgerReaderOf<Record>;
template class LedgerReaderOf<TaskRecord>;

}  // namespace penstock::chaos
