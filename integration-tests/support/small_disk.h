// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace penstock::testing {

/// A disk so small that it can be filled: a tmpfs of its own, for which root is needed. Thread-compatible; unmounted by
/// the destructor.
class SmallDisk {
 public:
  /// Makes `folder` and mounts the disk there. `kPermissionDenied` where that is not allowed.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(const std::filesystem::path& folder, std::size_t bytes);
  /// Whether this process may mount one.
  static bool Possible();
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  /// Takes all the space that is left.
  absl::Status Fill() const;
  /// Gives it back.
  void Free() const;

 private:
  explicit SmallDisk(std::filesystem::path folder) : folder_(std::move(folder)) {}
  const std::filesystem::path folder_;
};

}  // namespace penstock::testing
