// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

namespace penstock::testing {

/// A table of one row, in a file that processes share: `UPDATE row SET fence = :fence WHERE fence <= :fence`.
class FencedStore {
 public:
  explicit FencedStore(std::string path) : path_(std::move(path)) {}

  /// False when a higher fence was written.
  bool Write(std::uint64_t fence) const {
    const int file = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || flock(file, LOCK_EX) != 0) return false;
    const bool higher = fence >= Fence();
    if (higher) std::ofstream(path_, std::ios::trunc) << fence;
    close(file);
    return higher;
  }
  /// 0: nothing was written.
  std::uint64_t Fence() const {
    std::uint64_t fence = 0;
    std::ifstream(path_) >> fence;
    return fence;
  }

 private:
  const std::string path_;
};

}  // namespace penstock::testing
