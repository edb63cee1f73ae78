// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "log_reader.h"

namespace penstock::demo {
namespace {

namespace fs = std::filesystem;

constexpr int kReadings = 3;

absl::Status ReadDatabaseFile(const fs::path& path, Database& database) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    return absl::FailedPreconditionError(absl::StrCat("read dpkg's database \"", path.string(),
                                                      "\": it cannot be read; name another file with --dpkg-status"));
  }
  ReadDatabase(text, database);
  return absl::OkStatus();
}

// The changes of a running dpkg since it last wrote the whole database: numbered files beside it, newest last.
std::vector<fs::path> FindUpdates(const fs::path& status) {
  std::vector<fs::path> updates;
  std::error_code error;
  const fs::directory_iterator entries(status.parent_path() / "updates", error);
  if (error) return updates;
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") == std::string::npos) updates.push_back(entry.path());
  }
  std::sort(updates.begin(), updates.end());
  return updates;
}

absl::StatusOr<Database> ReadWholeDatabase(const fs::path& status) {
  Database database;
  if (const absl::Status read = ReadDatabaseFile(status, database); !read.ok()) return read;
  for (const fs::path& update : FindUpdates(status)) {
    if (!ReadDatabaseFile(update, database).ok()) break;  // gone: dpkg has just written the database anew
  }
  return database;
}

std::uintmax_t SizeOf(const std::vector<fs::path>& logs) {
  std::error_code error;
  std::uintmax_t total = 0;
  for (const fs::path& log : logs) {
    const std::uintmax_t size = fs::file_size(log, error);
    total += error ? 0 : size;
  }
  return total;
}

absl::StatusOr<Machine> ReadOnce(const MachineOptions& options) {
  auto logs = FindLogs(options.log_directory);
  if (!logs.ok()) return logs.status();
  const std::uintmax_t size = SizeOf(*logs);
  HistoryBuilder builder;
  for (const fs::path& log : *logs) {
    const absl::Status read = ReadLines(log, [&](std::string_view line) { builder.Add(line); });
    if (!read.ok()) return read;
  }
  auto database = ReadWholeDatabase(options.dpkg_status);
  if (!database.ok()) return database.status();
  return Machine{.history = builder.Take(),
                 .database = *std::move(database),
                 .logs = *logs,
                 .dpkg_busy = SizeOf(*logs) != size || !FindUpdates(options.dpkg_status).empty()};
}

}  // namespace

absl::StatusOr<Machine> ReadMachine(const MachineOptions& options) {
  absl::StatusOr<Machine> machine;
  for (int reading = 0; reading < kReadings; ++reading) {
    machine = ReadOnce(options);
    if (!machine.ok() || !machine->dpkg_busy) break;
  }
  if (machine.ok() && machine->history.events.empty()) {
    return absl::NotFoundError(absl::StrCat("read \"", options.log_directory.string(), "\": ", machine->logs.size(),
                                            " dpkg log(s) without a package event; name other logs with --log-dir"));
  }
  return machine;
}

}  // namespace penstock::demo
