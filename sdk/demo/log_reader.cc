// SPDX-License-Identifier: Apache-2.0
#include "log_reader.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::demo {
namespace {

constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kMaxFileBytes = std::size_t{1} << 30;  // what a compressed file may grow to

struct GzipClose {
  void operator()(gzFile file) const { gzclose_r(file); }
};
using GzipFile = std::unique_ptr<gzFile_s, GzipClose>;

enum class Rotation { kNumbered, kDated, kCurrent };
using Age = std::pair<Rotation, long>;  // ascending: oldest first

std::optional<long> Digits(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text.front() == '-' || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<Age> AgeOf(std::string_view name) {
  constexpr std::string_view kStem = "dpkg.log";
  if (!name.starts_with(kStem)) return std::nullopt;
  name.remove_prefix(kStem.size());
  if (name.ends_with(".gz")) name.remove_suffix(3);
  if (name.empty()) return Age{Rotation::kCurrent, 0};
  const auto number = Digits(name.substr(1));
  if (!number.has_value()) return std::nullopt;
  if (name.front() == '.') return Age{Rotation::kNumbered, -*number};
  if (name.front() == '-') return Age{Rotation::kDated, *number};
  return std::nullopt;
}

absl::Status CannotOpen(const std::filesystem::path& path, const std::string& cause) {
  return absl::FailedPreconditionError(absl::StrCat("read \"", path.string(), "\": ", cause,
                                                    "; check its permissions, or name another place with --log-dir"));
}

absl::Status Broken(const std::filesystem::path& path, const std::string& cause) {
  return absl::DataLossError(absl::StrCat("read \"", path.string(), "\": ", cause,
                                          "; move the file away, or name another place with --log-dir"));
}

// Hands over the complete lines of `text` and leaves the rest in it.
void TakeLines(std::string& text, const std::function<void(std::string_view)>& line) {
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    line(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
  }
  text.erase(0, begin);
  if (text.size() <= kMaxLineBytes) return;
  line(text);
  text.clear();
}

}  // namespace

absl::StatusOr<std::vector<std::filesystem::path>> FindLogs(const std::filesystem::path& directory) {
  std::error_code error;
  std::map<Age, std::filesystem::path> logs;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto age = AgeOf(entry->path().filename().string());
    if (!age.has_value()) continue;
    std::filesystem::path& log = logs[*age];
    if (log.empty() || log.extension() == ".gz") log = entry->path();
  }
  if (error) return CannotOpen(directory, error.message());
  if (logs.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "read \"", directory.string(), "\": there is no dpkg.log in it; name the place of dpkg's log with --log-dir"));
  }
  std::vector<std::filesystem::path> files;
  for (auto& [age, path] : logs) files.push_back(std::move(path));
  return files;
}

absl::Status ReadLines(const std::filesystem::path& file, const std::function<void(std::string_view)>& line) {
  errno = 0;
  const GzipFile input(gzopen(file.c_str(), "rbe"));
  if (!input) return CannotOpen(file, std::strerror(errno == 0 ? ENOMEM : errno));
  std::array<char, 64 << 10> buffer;
  std::string text;
  std::size_t total = 0;
  for (int count = 1; count > 0;) {
    count = gzread(input.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    total += static_cast<std::size_t>(count);
    if (total > kMaxFileBytes) return Broken(file, "it is larger than 1 GiB");
    text.append(buffer.data(), static_cast<std::size_t>(count));
    TakeLines(text, line);
  }
  int code = Z_OK;
  const char* const cause = gzerror(input.get(), &code);
  if (code == Z_OK || code == Z_STREAM_END) return absl::OkStatus();
  return Broken(file, code == Z_ERRNO ? std::strerror(errno) : cause);
}

}  // namespace penstock::demo
