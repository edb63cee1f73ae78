// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace penstock::demo {
namespace {

std::string Describe(PackageStatus status, std::string_view version) {
  std::string text(ToString(status));
  if (!version.empty()) text.append(" ").append(version);
  return text;
}

std::string_view NameOf(std::string_view package) { return package.substr(0, package.find(':')); }

// Packages whose history continues under another architecture: dpkg logs the first half of such an upgrade under the
// old name and goes on, with a bare status line, under the new one. A machine made by debootstrap begins with one: dpkg
// itself.
std::unordered_set<std::string_view> FindMoved(const History& history) {
  std::unordered_map<std::string_view, std::size_t> moved_in;  // name: where the history of the new architecture begins
  for (const PackageHistory& package : history.packages) {
    if (package.begins_moved) moved_in[NameOf(package.package)] = package.first;
  }
  std::unordered_set<std::string_view> moved;
  for (const PackageHistory& package : history.packages) {
    const auto continued = moved_in.find(NameOf(package.package));
    if (continued != moved_in.end() && package.last < continued->second) moved.insert(package.package);
  }
  return moved;
}

void CountAgreement(PackageStatus status, Comparison& comparison) {
  switch (status) {
    case PackageStatus::kInstalled:
      ++comparison.installed;
      return;
    case PackageStatus::kConfigFiles:
      ++comparison.config_files;
      return;
    case PackageStatus::kNotInstalled:
      ++comparison.not_installed;
      return;
    default:
      ++comparison.in_between;
  }
}

// A package that dpkg forgot, and one that it keeps as not installed, are the same to us.
DatabaseEntry Look(const Database& database, const std::string& package) {
  const auto found = database.packages.find(package);
  if (found == database.packages.end() || found->second.status == PackageStatus::kNotInstalled) return {};
  return found->second;
}

std::size_t CountWithoutHistory(const History& history, const Database& database) {
  std::unordered_set<std::string_view> known;
  for (const PackageHistory& package : history.packages) known.insert(package.package);
  std::size_t count = 0;
  for (const auto& [package, entry] : database.packages) {
    if (entry.status != PackageStatus::kNotInstalled && !known.contains(package)) ++count;
  }
  return count;
}

}  // namespace

Comparison Compare(const History& history, std::span<const PackageState> folded, const Database& database) {
  Comparison comparison{.without_history = CountWithoutHistory(history, database)};
  const auto moved = FindMoved(history);
  for (std::size_t i = 0; i < history.packages.size(); ++i) {
    const PackageHistory& package = history.packages[i];
    const PackageState& state = folded[i];
    const DatabaseEntry entry = Look(database, package.package);
    const std::string reached = Describe(state.status, state.version);
    if (state != package.expected) {
      comparison.mismatches.push_back({package.package, reached, "other events, or in another order, than the log's"});
    } else if (state.status == entry.status && state.version == entry.version) {
      CountAgreement(state.status, comparison);
      if (!package.whole && !package.begins_moved) ++comparison.begin_midway;
    } else if (entry == DatabaseEntry{} && moved.contains(package.package)) {
      ++comparison.moved;
    } else {
      comparison.mismatches.push_back({package.package, reached, Describe(entry.status, entry.version)});
    }
  }
  return comparison;
}

}  // namespace penstock::demo
