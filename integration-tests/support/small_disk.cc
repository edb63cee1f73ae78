// SPDX-License-Identifier: Apache-2.0
#include "support/small_disk.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "penstock/actorpool/internal/file_descriptor.h"

namespace penstock::testing {
namespace {

constexpr char kFiller[] = "filler";

std::string Cause() { return std::generic_category().message(errno); }

}  // namespace

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(const std::filesystem::path& folder, std::size_t bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InternalError(absl::StrCat("mount a small disk: ", error.message()));
  if (mount("tmpfs", folder.c_str(), "tmpfs", 0, absl::StrCat("size=", bytes).c_str()) != 0) {
    return absl::PermissionDeniedError(absl::StrCat("mount a small disk: ", Cause(), "; run as root"));
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(folder));
}

bool SmallDisk::Possible() {
  std::string folder = (std::filesystem::temp_directory_path() / "penstock-disk-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return false;
  const bool possible = Mount(folder, std::size_t{1} << 20).ok();
  std::error_code ignored;
  std::filesystem::remove(folder, ignored);
  return possible;
}

SmallDisk::~SmallDisk() { umount2(folder_.c_str(), MNT_DETACH); }

// Written, since tmpfs keeps what posix_fallocate could not finish only in part.
absl::Status SmallDisk::Fill() const {
  const FileDescriptor file(open((folder_ / kFiller).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return absl::InternalError(absl::StrCat("fill a small disk: ", Cause()));
  const std::array<char, 4096> page{};
  while (write(file.get(), page.data(), page.size()) > 0) {
  }
  if (errno == ENOSPC) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("fill a small disk: ", Cause()));
}

void SmallDisk::Free() const { unlink((folder_ / kFiller).c_str()); }

}  // namespace penstock::testing
