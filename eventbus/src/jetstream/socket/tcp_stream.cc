// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/tcp_stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

bool MayGoOn(int error) { return error == EAGAIN || error == EINTR; }

}  // namespace

ByteStream::Progress TcpStream::Read(std::span<const iovec> room) {
  const ssize_t bytes = readv(socket_.get(), room.data(), static_cast<int>(room.size()));
  if (bytes > 0) return {.bytes = static_cast<std::size_t>(bytes)};
  if (bytes < 0 && MayGoOn(errno)) return {};
  fault_ = absl::UnavailableError(bytes == 0 ? "the server closed the connection"
                                             : absl::StrCat("read: ", std::generic_category().message(errno)));
  return {.ended = true};
}

ByteStream::Progress TcpStream::Write(std::string_view bytes) {
  Progress progress;
  while (progress.bytes < bytes.size()) {
    const std::string_view left = bytes.substr(progress.bytes);
    const ssize_t count = send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      progress.ended = errno != EAGAIN;
      break;
    }
    progress.bytes += static_cast<std::size_t>(count);
  }
  return progress;
}

void TcpStream::Shutdown() { shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace penstock::eventbus::jetstream
