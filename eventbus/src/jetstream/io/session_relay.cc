// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/session_relay.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/protocol/unique_name.h"

namespace penstock::eventbus::jetstream {
namespace {

// A JWT and its signature are some KiB.
constexpr std::size_t kMaxLineBytes = 64 << 10;
constexpr std::string_view kLineEnd = "\r\n";

absl::Status Ended(std::string_view why) { return absl::UnavailableError(absl::StrCat("nats.c: ", std::string(why))); }

}  // namespace

absl::StatusOr<SessionRelay> SessionRelay::Listen(std::string info_line, ClientIdentity identity) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  FileDescriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.valid() || bind(listener.get(), raw, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), raw, &size) != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("connect: ", std::generic_category().message(errno), "; raise the limit of open files"));
  }
  return SessionRelay(std::move(listener), ntohs(address.sin_port), UniqueName(), std::move(info_line),
                      std::move(identity));
}

SessionRelay::SessionRelay(FileDescriptor listener, int port, std::string admission, std::string info_line,
                           ClientIdentity identity)
    : listener_(std::move(listener)),
      port_(port),
      admission_(std::move(admission)),
      info_line_(std::move(info_line)),
      identity_(std::move(identity)) {}

absl::Status SessionRelay::OnReadable(SendQueue& queue) {
  if (!client_.valid()) return Admit();
  std::array<char, 8 << 10> bytes;
  const ssize_t count = recv(client_.get(), bytes.data(), bytes.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return absl::OkStatus();
  if (count <= 0) {
    if (!introduced_) client_.Close();  // whoever it was, the library may still come
    return introduced_ ? Ended("the server does not answer its pings, or refused the session") : absl::OkStatus();
  }
  heard_.append(bytes.data(), static_cast<std::size_t>(count));
  for (std::size_t end = 0; client_.valid() && (end = heard_.find('\n')) != std::string::npos;) {
    const std::string line = heard_.substr(0, end + 1);
    heard_.erase(0, end + 1);
    if (absl::Status status = OnLine(line, queue); !status.ok()) return status;
  }
  return heard_.size() <= kMaxLineBytes ? absl::OkStatus() : Ended("a line without end");
}

absl::Status SessionRelay::Admit() {
  client_ = FileDescriptor(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  heard_.clear();
  if (!client_.valid()) return absl::OkStatus();
  const int on = 1;
  setsockopt(client_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return Send(info_line_);
}

absl::Status SessionRelay::OnLine(std::string_view line, SendQueue& queue) {
  if (line == "PING\r\n" && introduced_) {
    queue.AddPing(SendQueue::PingOwner::kLibrary);
    return absl::OkStatus();
  }
  if (line == "PONG\r\n" && introduced_) return absl::OkStatus();
  if (introduced_) return Ended("it said something that is not its part");
  if (line.ends_with(kLineEnd)) line.remove_suffix(kLineEnd.size());
  absl::StatusOr<std::string> connect = RewriteConnectLine(line, admission_, identity_);
  if (absl::IsPermissionDenied(connect.status())) {
    client_.Close();  // an impostor: the library waits behind it
    return absl::OkStatus();
  }
  if (!connect.ok()) return connect.status();
  introduced_ = true;
  listener_.Close();
  queue.AddLine(*connect);
  return absl::OkStatus();
}

// It reads at once, and what is told is little: a full socket means that it does not read any more.
absl::Status SessionRelay::Send(std::string_view line) {
  if (!client_.valid()) return absl::OkStatus();
  const ssize_t sent = send(client_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(line.size()) || !introduced_ ? absl::OkStatus() : Ended("it does not read");
}

absl::Status SessionRelay::SendPong() {
  established_ = true;
  return Send("PONG\r\n");
}

void SessionRelay::Close() {
  listener_.Close();
  client_.Close();
}

}  // namespace penstock::eventbus::jetstream
