// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace penstock::metrics {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

std::string Where(const HttpOptions& options) {
  return absl::StrCat("listen on \"", options.host, ":", options.port, "\"");
}

absl::Status ListenError(const HttpOptions& options, int error) {
  const std::string cause = absl::StrCat(Where(options), ": ", std::system_category().message(error));
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat(cause, "; choose another port, or 0 for any that is free"));
  }
  if (error == EACCES) return absl::PermissionDeniedError(absl::StrCat(cause, "; choose a port of 1024 or above"));
  if (error == EADDRNOTAVAIL) {
    return absl::InvalidArgumentError(absl::StrCat(cause, "; the host must be an address of this machine"));
  }
  return absl::UnavailableError(absl::StrCat(cause, "; the system refused, see the cause"));
}

absl::StatusOr<Addresses> Resolve(const HttpOptions& options) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (error == 0) return Addresses(found, &freeaddrinfo);
  return absl::InvalidArgumentError(
      absl::StrCat(Where(options), ": ", gai_strerror(error), "; the host must be an address of this machine"));
}

sockaddr_storage AddressOf(const FileDescriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenListener(const HttpOptions& options) {
  const absl::StatusOr<Addresses> addresses = Resolve(options);
  if (!addresses.ok()) return addresses.status();
  const addrinfo& address = **addresses;
  FileDescriptor listener(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener.valid() || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener.get(), address.ai_addr, address.ai_addrlen) != 0 || listen(listener.get(), SOMAXCONN) != 0) {
    return ListenError(options, errno);
  }
  return listener;
}

std::uint16_t PortOf(const FileDescriptor& listener) {
  const sockaddr_storage address = AddressOf(listener);
  return ntohs(IsV6(listener) ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                              : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

bool IsV6(const FileDescriptor& listener) { return AddressOf(listener).ss_family == AF_INET6; }

}  // namespace penstock::metrics
