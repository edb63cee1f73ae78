// SPDX-License-Identifier: Apache-2.0
#include "dpkg_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

namespace penstock::demo {
namespace {

constexpr std::size_t kMaxLineBytes = 1024;
constexpr std::size_t kMaxPackageBytes = 200;  // an aggregate ID may have 256; the replay appends `#repetition`
constexpr std::string_view kTimeForm = "0000-00-00 00:00:00";

constexpr std::array<std::pair<std::string_view, PackageStatus>, 8> kStatusWords = {{
    {"not-installed", PackageStatus::kNotInstalled},
    {"config-files", PackageStatus::kConfigFiles},
    {"half-installed", PackageStatus::kHalfInstalled},
    {"unpacked", PackageStatus::kUnpacked},
    {"half-configured", PackageStatus::kHalfConfigured},
    {"triggers-awaited", PackageStatus::kTriggersAwaited},
    {"triggers-pending", PackageStatus::kTriggersPending},
    {"installed", PackageStatus::kInstalled},
}};

struct ActionWords {
  std::string_view word;
  Action action;
  std::string_view event_type;
};

constexpr std::array<ActionWords, 8> kActions = {{
    {"install", Action::kInstall, "InstallStarted"},
    {"upgrade", Action::kUpgrade, "UpgradeStarted"},
    {"remove", Action::kRemove, "RemoveStarted"},
    {"purge", Action::kPurge, "PurgeStarted"},
    {"disappear", Action::kDisappear, "Disappeared"},
    {"configure", Action::kConfigure, "ConfigureStarted"},
    {"trigproc", Action::kTrigproc, "TriggersStarted"},
    {"status", Action::kStatus, "StatusChanged"},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlphanumeric(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Cuts the first word off `rest`. dpkg separates words by exactly one space.
std::string_view TakeWord(std::string_view& rest) {
  const std::size_t end = std::min(rest.find(' '), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

int Number(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::optional<std::chrono::local_seconds> ParseTime(std::string_view text) {
  for (std::size_t i = 0; i < kTimeForm.size(); ++i) {
    if (kTimeForm[i] == '0' ? !IsDigit(text[i]) : text[i] != kTimeForm[i]) return std::nullopt;
  }
  using std::chrono::year, std::chrono::month, std::chrono::day;
  const auto date = year(Number(text.substr(0, 4))) / month(static_cast<unsigned>(Number(text.substr(5, 2)))) /
                    day(static_cast<unsigned>(Number(text.substr(8, 2))));
  const int hour = Number(text.substr(11, 2));
  const int minute = Number(text.substr(14, 2));
  const int second = Number(text.substr(17, 2));
  if (!date.ok() || date.year() < year(1970) || date.year() > year(2200) || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;
  return std::chrono::local_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

bool IsPackage(std::string_view package) {
  const std::size_t colon = std::min(package.find(':'), package.size());
  const std::string_view name = package.substr(0, colon);
  const std::string_view arch = package.substr(std::min(colon + 1, package.size()));
  if (package.size() > kMaxPackageBytes || name.empty() || !IsAlphanumeric(name.front())) return false;
  if (colon < package.size() && arch.empty()) return false;
  const auto in_name = [](char c) { return IsAlphanumeric(c) || c == '+' || c == '-' || c == '.' || c == '_'; };
  const auto in_arch = [](char c) { return IsAlphanumeric(c) || c == '-'; };
  return std::all_of(name.begin(), name.end(), in_name) &&
         (arch == "<none>" || std::all_of(arch.begin(), arch.end(), in_arch));
}

bool IsVersion(std::string_view version) {
  const auto visible = [](char c) { return c > ' ' && c < '\x7f'; };
  return !version.empty() && std::all_of(version.begin(), version.end(), visible);
}

std::string VersionOrNone(std::string_view version) { return std::string(version == "<none>" ? "" : version); }

LogLine PackageLine(std::chrono::local_seconds time, Action action, std::string_view rest) {
  LogEvent event{.time = time, .action = action};
  if (action == Action::kStatus) {
    const auto status = ParsePackageStatus(TakeWord(rest));
    if (!status.has_value()) return {};
    event.status = *status;
  }
  const std::string_view package = TakeWord(rest);
  const std::string_view version = TakeWord(rest);
  const std::string_view new_version = action == Action::kStatus ? std::string_view("<none>") : TakeWord(rest);
  if (!IsPackage(package) || !IsVersion(version) || !IsVersion(new_version) || !rest.empty()) return {};
  event.package = std::string(package);
  event.version = VersionOrNone(version);
  event.new_version = VersionOrNone(new_version);
  return {.kind = LineKind::kPackage, .event = std::move(event)};
}

}  // namespace

std::string_view ToString(PackageStatus status) { return kStatusWords[static_cast<std::size_t>(status)].first; }

std::optional<PackageStatus> ParsePackageStatus(std::string_view word) {
  for (const auto& [known, status] : kStatusWords) {
    if (known == word) return status;
  }
  return std::nullopt;
}

std::string_view EventType(Action action) { return kActions[static_cast<std::size_t>(action)].event_type; }

LogLine ParseLogLine(std::string_view line) {
  if (line.size() <= kTimeForm.size() || line.size() > kMaxLineBytes || line[kTimeForm.size()] != ' ') return {};
  const auto time = ParseTime(line);
  if (!time.has_value()) return {};
  std::string_view rest = line.substr(kTimeForm.size() + 1);
  const std::string_view word = TakeWord(rest);
  if (word == "startup" || word == "conffile") return {.kind = LineKind::kOther};
  for (const ActionWords& known : kActions) {
    if (known.word == word) return PackageLine(*time, known.action, rest);
  }
  return {};
}

}  // namespace penstock::demo
