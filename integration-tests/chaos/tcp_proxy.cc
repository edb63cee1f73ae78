// SPDX-License-Identifier: Apache-2.0
#include "chaos/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace penstock::chaos {
namespace {

constexpr std::size_t kMostWaiting = 256 << 10;
constexpr std::size_t kTricklePerRound = 256;
constexpr int kTrickleRoundMs = 1;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool WouldBlock() { return errno == EAGAIN || errno == EINTR || errno == ENOTCONN; }

bool Passes(TcpProxy::Flow flow) { return flow == TcpProxy::Flow::kForward; }

}  // namespace

TcpProxy::Socket& TcpProxy::Socket::operator=(Socket&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

TcpProxy::Socket::~Socket() {
  if (number_ >= 0) close(number_);
}

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Start(int target_port) {
  Socket listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Socket wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (wake.number() < 0 || bind(listener.number(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener.number(), SOMAXCONN) != 0 ||
      getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return absl::InternalError("start a proxy: the system gives no socket");
  }
  std::unique_ptr<TcpProxy> proxy(
      new TcpProxy(target_port, std::move(listener), ntohs(address.sin_port), std::move(wake)));
  proxy->thread_ = std::thread([raw = proxy.get()] { raw->Run(); });
  return proxy;
}

TcpProxy::TcpProxy(int target_port, Socket listener, int port, Socket wake)
    : target_port_(target_port), port_(port), listener_(std::move(listener)), wake_(std::move(wake)) {}

TcpProxy::~TcpProxy() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

void TcpProxy::Wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
}

void TcpProxy::SetFlow(Flow to_server, Flow to_client) {
  MutexLock lock(mutex_);
  flows_ = {to_server, to_client};
  const std::uint64_t asked = ++asked_;
  Wake();
  while (in_force_ < asked) obeyed_.Wait(lock);
}

std::size_t TcpProxy::Cut(Ending ending) {
  std::size_t count = SIZE_MAX;
  MutexLock lock(mutex_);
  cuts_.emplace_back(ending, &count);
  Wake();
  while (count == SIZE_MAX) obeyed_.Wait(lock);
  return count;
}

void TcpProxy::Run() {
  pthread_setname_np(pthread_self(), "chaos-proxy");
  Flows flows;
  while (true) {
    Await(flows);
    {
      MutexLock lock(mutex_);
      if (!Obey()) return;
      flows = flows_;
    }
    Accept();
    for (Connection& connection : connections_) Serve(connection, flows);
    std::erase_if(connections_, [](const Connection& connection) { return connection.broken; });
    connection_count_.store(connections_.size(), std::memory_order_relaxed);
  }
}

// Waits until a socket is ready, a trickle's round has passed or something was asked of us.
void TcpProxy::Await(Flows flows) const {
  std::vector<pollfd> polled{{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
  auto watch = [&](int socket, bool readable, bool writable) {
    const int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
    // Without interest it would still report an error of its peer, again and again.
    if (events != 0) polled.push_back({socket, static_cast<short>(events), 0});
  };
  for (const Connection& connection : connections_) {
    const Stream& up = connection.to_server;
    const Stream& down = connection.to_client;
    const bool up_passes = connection.connected && Passes(flows.to_server);
    const bool down_passes = connection.connected && !connection.half_closed && Passes(flows.to_client);
    watch(connection.client.number(), up_passes && !up.ended && up.waiting.size() < kMostWaiting,
          down_passes && !down.waiting.empty());
    watch(connection.server.number(), down_passes && !down.ended && down.waiting.size() < kMostWaiting,
          !connection.connected || (up_passes && !up.waiting.empty()));
  }
  const bool trickles = flows.to_server == Flow::kTrickle || flows.to_client == Flow::kTrickle;
  poll(polled.data(), polled.size(), trickles ? kTrickleRoundMs : -1);
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_.number(), &ignored, sizeof ignored);
}

// Returns false when it is to stop.
bool TcpProxy::Obey() {
  for (auto& [ending, count] : cuts_) {
    for (Connection& connection : connections_) End(connection, ending);
    *count = connections_.size();
    std::erase_if(connections_, [](const Connection& connection) { return connection.broken; });
  }
  cuts_.clear();
  in_force_ = asked_;
  obeyed_.NotifyAll();
  return !stopping_;
}

void TcpProxy::End(Connection& connection, Ending ending) {
  if (ending == Ending::kHalfClose) {
    shutdown(connection.client.number(), SHUT_WR);
    connection.half_closed = true;
    return;
  }
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(connection.client.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  setsockopt(connection.server.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  connection.broken = true;
}

void TcpProxy::Accept() {
  while (true) {
    Connection connection;
    connection.client = Socket(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.client.number() < 0) return;
    connection.server = Socket(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    setsockopt(connection.client.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(connection.server.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const sockaddr_in address = Loopback(target_port_);
    const int done = connect(connection.server.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    connection.connected = done == 0;
    if (done != 0 && errno != EINPROGRESS) continue;  // refused: closing it tells the client
    connections_.push_back(std::move(connection));
  }
}

void TcpProxy::Serve(Connection& connection, Flows flows) {
  const int client = connection.client.number();
  const int server = connection.server.number();
  if (!connection.connected) {
    pollfd writable{server, POLLOUT, 0};
    if (poll(&writable, 1, 0) <= 0) return;
    connection.connected = (writable.revents & (POLLERR | POLLHUP)) == 0;
    connection.broken = !connection.connected;
    if (connection.broken) return;
  }
  Pump(client, server, connection.to_server, flows.to_server, connection.broken);
  if (connection.half_closed) {
    connection.broken = connection.broken || connection.to_server.told;
    return;
  }
  Pump(server, client, connection.to_client, flows.to_client, connection.broken);
  connection.broken = connection.broken || (connection.to_server.told && connection.to_client.told);
}

void TcpProxy::Pump(int from, int to, Stream& stream, Flow flow, bool& broken) {
  if (flow == Flow::kHold || broken) return;
  std::array<char, 64 << 10> chunk;
  const std::size_t quota = flow == Flow::kTrickle ? kTricklePerRound : chunk.size();
  if (!stream.ended && stream.waiting.size() < kMostWaiting) {
    const ssize_t count = recv(from, chunk.data(), std::min(quota, chunk.size()), 0);
    if (count > 0) stream.waiting.append(chunk.data(), static_cast<std::size_t>(count));
    stream.ended = count == 0;
    broken = count < 0 && !WouldBlock();
  }
  if (!stream.waiting.empty()) {
    const ssize_t count = send(to, stream.waiting.data(), std::min(quota, stream.waiting.size()), MSG_NOSIGNAL);
    if (count > 0) stream.waiting.erase(0, static_cast<std::size_t>(count));
    broken = broken || (count < 0 && !WouldBlock());
  }
  if (stream.ended && stream.waiting.empty() && !stream.told) {
    shutdown(to, SHUT_WR);
    stream.told = true;
  }
}

}  // namespace penstock::chaos
