// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::demo {

/// The state of a package, as dpkg spells it (`half-installed` and so on), from least to most installed.
enum class PackageStatus {
  kNotInstalled,
  kConfigFiles,
  kHalfInstalled,
  kUnpacked,
  kHalfConfigured,
  kTriggersAwaited,
  kTriggersPending,
  kInstalled,
};

/// dpkg's word for a status, and back. Nothing for a word that dpkg does not have.
std::string_view ToString(PackageStatus status);
std::optional<PackageStatus> ParsePackageStatus(std::string_view word);

/// The lines of a dpkg log that concern one package.
enum class Action { kInstall, kUpgrade, kRemove, kPurge, kDisappear, kConfigure, kTrigproc, kStatus };

/// The event type that goes with an action, in the past tense: `InstallStarted`, `StatusChanged`.
std::string_view EventType(Action action);

/// One such line.
struct LogEvent {
  std::chrono::local_seconds time{};  ///< as dpkg wrote it: local, without a zone
  Action action = Action::kStatus;
  PackageStatus status = PackageStatus::kNotInstalled;  ///< what `kStatus` reports; meaningless otherwise
  std::string package{};      ///< `name:arch`, or `name` where dpkg did not know the architecture
  std::string version{};      ///< `kStatus`: the version it has now; otherwise the one it had. Empty for `<none>`
  std::string new_version{};  ///< otherwise: the one it shall have. Empty for `<none>`, and for `kStatus`

  friend bool operator==(const LogEvent&, const LogEvent&) = default;
};

/// The kind of a line.
enum class LineKind {
  kPackage,  ///< an event of one package
  kOther,    ///< dpkg's own doings: `startup`, `conffile`
  kGarbled,  ///< no line that dpkg writes
};

struct LogLine {
  LineKind kind = LineKind::kGarbled;
  LogEvent event{};  ///< set for `kPackage` only
};

/// Reads one line, without its line break. Takes any bytes; what dpkg would not write is `kGarbled`.
LogLine ParseLogLine(std::string_view line);

}  // namespace penstock::demo
