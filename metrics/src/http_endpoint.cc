// SPDX-License-Identifier: Apache-2.0
#include "penstock/metrics/http_endpoint.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "http_connection.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/file_descriptor.h"
#include "penstock/actorpool/internal/origin_process.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::metrics {
namespace {

constexpr int kBacklog = 64;
constexpr int kPauseMilliseconds = 100;
constexpr std::size_t kMostConnections = 1024;
constexpr std::chrono::milliseconds kShortestTimeout{10};
constexpr std::chrono::milliseconds kLongestTimeout{60'000};

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

absl::StatusOr<FileDescriptor> OpenListener(const HttpOptions& options) {
  const absl::StatusOr<Addresses> addresses = Resolve(options);
  if (!addresses.ok()) return addresses.status();
  const addrinfo& address = **addresses;
  FileDescriptor listener(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!listener.valid() || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener.get(), address.ai_addr, address.ai_addrlen) != 0 || listen(listener.get(), kBacklog) != 0) {
    return ListenError(options, errno);
  }
  return listener;
}

std::uint16_t PortOf(const FileDescriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  const bool is_v6 = address.ss_family == AF_INET6;
  return ntohs(is_v6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                     : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

}  // namespace

absl::Status HttpOptions::Validate() const {
  const auto invalid = [](const std::string& text) { return absl::InvalidArgumentError("http options: " + text); };
  if (host.empty() || host.find('\0') != std::string::npos)
    return invalid("host is empty or has a zero byte; name an address");
  for (const auto& [path, handler] : handlers) {
    if (!path.starts_with('/')) return invalid(absl::StrCat("handlers has path \"", path, "\"; begin it with /"));
    if (!handler) return invalid(absl::StrCat("handlers has nothing for \"", path, "\"; pass a function"));
  }
  if (max_connections < 1 || max_connections > kMostConnections) {
    return invalid(absl::StrCat("max_connections is ", max_connections, "; use 1 to ", kMostConnections));
  }
  if (connection_timeout < kShortestTimeout || connection_timeout > kLongestTimeout) {
    return invalid(absl::StrCat("connection_timeout is ", connection_timeout.count(), " ms; use 10 ms to 1 min"));
  }
  return absl::OkStatus();
}

class HttpEndpoint::Core {
 public:
  Core(HttpOptions options, FileDescriptor listener, FileDescriptor wake)
      : options_(std::move(options)),
        port_(PortOf(listener)),
        listener_(std::move(listener)),
        wake_(std::move(wake)),
        thread_([this](const std::stop_token& stop) { Serve(stop); }) {}

  ~Core() { Stop(); }

  const OriginProcess& origin() const { return origin_; }
  std::uint16_t port() const { return port_; }

  void Stop() {
    thread_.request_stop();
    eventfd_write(wake_.get(), 1);
    std::call_once(joined_, [this] { thread_.join(); });
  }

 private:
  using Clock = HttpConnection::Clock;

  void Serve(const std::stop_token& stop) {
    SetThreadName("penstock-http");
    while (!stop.stop_requested()) {
      const std::vector<pollfd> polled = Poll();
      AdvanceReady(polled);
      if (polled[1].revents != 0 || out_of_descriptors_) Accept();
    }
    connections_.clear();
    listener_.Close();
  }

  // Slot 0 is the wake-up, slot 1 the listener, the others the connections in their order.
  std::vector<pollfd> Poll() const {
    const bool has_room = connections_.size() < options_.max_connections && !out_of_descriptors_;
    std::vector<pollfd> polled = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                  {.fd = has_room ? listener_.get() : -1, .events = POLLIN, .revents = 0}};
    for (const HttpConnection& connection : connections_) {
      polled.push_back({.fd = connection.fd(), .events = connection.interest(), .revents = 0});
    }
    poll(polled.data(), polled.size(), MillisecondsToNextDeadline());
    return polled;
  }

  int MillisecondsToNextDeadline() const {
    if (out_of_descriptors_) return kPauseMilliseconds;
    if (connections_.empty()) return -1;
    // The timeout is the same for all, so the oldest connection runs out first.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(connections_.front().deadline() - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
  }

  void AdvanceReady(const std::vector<pollfd>& polled) {
    const Clock::time_point now = Clock::now();
    std::vector<HttpConnection> kept;
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      const bool alive =
          polled[i + 2].revents == 0 || connections_[i].Advance([this](auto path) { return Respond(path); });
      if (alive && now < connections_[i].deadline()) kept.push_back(std::move(connections_[i]));
    }
    connections_ = std::move(kept);
  }

  void Accept() {
    FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    // The connection stays in the queue, and polling for it would return at once.
    out_of_descriptors_ = !socket.valid() && (errno == EMFILE || errno == ENFILE);
    if (socket.valid()) connections_.emplace_back(std::move(socket), DeadlineAfter(options_.connection_timeout));
  }

  HttpReply Respond(std::string_view path) const {
    const auto handler = options_.handlers.find(std::string(path));
    return handler == options_.handlers.end() ? Refusal(404) : handler->second();
  }

  const OriginProcess origin_{};
  const HttpOptions options_;
  const std::uint16_t port_;
  FileDescriptor listener_;  // of the thread
  const FileDescriptor wake_;
  std::vector<HttpConnection> connections_;  // of the thread
  bool out_of_descriptors_ = false;          // of the thread
  std::once_flag joined_;
  std::jthread thread_;
};

absl::StatusOr<std::unique_ptr<HttpEndpoint>> HttpEndpoint::Listen(HttpOptions options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  absl::StatusOr<FileDescriptor> listener = OpenListener(options);
  if (!listener.ok()) return listener.status();
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return ListenError(options, errno);
  try {
    return std::unique_ptr<HttpEndpoint>(
        new HttpEndpoint(std::make_unique<Core>(std::move(options), *std::move(listener), std::move(wake))));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat("start http endpoint: ", error.what(), "; raise the limit on threads"));
  }
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpEndpoint::~HttpEndpoint() {
  if (core_->origin().left()) LeaveToParent(std::move(core_));
}

std::uint16_t HttpEndpoint::port() const { return core_->port(); }

void HttpEndpoint::Stop() { core_->Stop(); }

}  // namespace penstock::metrics
