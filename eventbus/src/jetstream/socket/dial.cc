// SPDX-License-Identifier: Apache-2.0
#include "jetstream/socket/dial.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "jetstream/socket/resolve.h"
#include "jetstream/socket/socket_options.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = std::chrono::steady_clock;

absl::Status SystemError(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::generic_category().message(error)));
}

absl::StatusOr<FileDescriptor> ConnectTo(const addrinfo& address, const WaitLimit& limit) {
  FileDescriptor made(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made.valid()) {
    const std::string cause = std::generic_category().message(errno);
    return absl::ResourceExhaustedError(absl::StrCat("connect: ", cause, "; raise the limit of open files"));
  }
  SetSocketOptions(made.get());
  if (connect(made.get(), address.ai_addr, address.ai_addrlen) == 0) return made;
  if (errno != EINPROGRESS) return SystemError("connect", errno);
  if (absl::Status ready = AwaitReady(made.get(), POLLOUT, limit); !ready.ok()) return ready;
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(made.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return SystemError("connect", error);
  return made;
}

// The time that is left is shared between the addresses that are still to be tried.
WaitLimit ShareOf(const WaitLimit& limit, std::size_t tries_left) {
  const Clock::time_point now = Clock::now();
  const auto left = std::max<Clock::duration>(limit.deadline - now, Clock::duration::zero());
  return {now + left / static_cast<Clock::rep>(tries_left), limit.cancel_descriptor};
}

}  // namespace

absl::Status AwaitReady(int descriptor, short events, const WaitLimit& limit) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit.deadline - Clock::now());
    if (left.count() <= 0) return absl::UnavailableError("no answer in time");
    pollfd fds[] = {{descriptor, events, 0}, {limit.cancel_descriptor, POLLIN, 0}};
    const int ready = poll(fds, std::size(fds), static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
    if (ready < 0 && errno != EINTR) return SystemError("poll", errno);
    if (ready > 0 && fds[1].revents != 0) return absl::CancelledError("connect: the connection is being closed");
    if (ready > 0 && fds[0].revents != 0) return absl::OkStatus();
  }
}

absl::StatusOr<FileDescriptor> Dial(const ServerAddress& server, const WaitLimit& limit) {
  const absl::StatusOr<AddressList> addresses = Resolve(server.host, server.port, limit);
  if (!addresses.ok()) return addresses.status();
  std::size_t left = 0;
  for (const addrinfo* each = addresses->get(); each != nullptr; each = each->ai_next) ++left;
  absl::Status last = absl::UnavailableError("the host has no address");
  for (const addrinfo* each = addresses->get(); each != nullptr; each = each->ai_next) {
    absl::StatusOr<FileDescriptor> made = ConnectTo(*each, ShareOf(limit, left--));
    if (made.ok()) return made;
    last = made.status();
    if (absl::IsCancelled(last)) break;
  }
  return last;
}

}  // namespace penstock::eventbus::jetstream
