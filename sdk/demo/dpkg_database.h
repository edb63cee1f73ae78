// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "dpkg_log.h"

namespace penstock::demo {

/// The entry of one package in dpkg's database.
struct DatabaseEntry {
  PackageStatus status = PackageStatus::kNotInstalled;
  std::string version{};

  friend bool operator==(const DatabaseEntry&, const DatabaseEntry&) = default;
};

/// dpkg's database: `/var/lib/dpkg/status`.
struct Database {
  std::unordered_map<std::string, DatabaseEntry> packages{};  ///< by `name:arch`, as the log names them
  std::size_t broken_paragraphs = 0;                          ///< without a package or a status that can be read
};

/// Reads paragraphs into `database`; one of the same package replaces an earlier one, which is how dpkg's own
/// `updates/` files are meant to be read after `status`. Takes any bytes.
void ReadDatabase(std::string_view text, Database& database);

}  // namespace penstock::demo
