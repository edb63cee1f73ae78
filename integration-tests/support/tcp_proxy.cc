// SPDX-License-Identifier: Apache-2.0
#include "support/tcp_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::testing {
namespace {

constexpr std::size_t kMostWaiting = 1 << 20;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Moves what can be moved now; false when an end is gone.
bool Pump(int from, int to, std::string& waiting) {
  std::array<char, 64 << 10> chunk;
  if (waiting.size() < kMostWaiting) {
    const ssize_t count = recv(from, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (count > 0) waiting.append(chunk.data(), static_cast<std::size_t>(count));
  }
  if (waiting.empty()) return true;
  const ssize_t sent = send(to, waiting.data(), waiting.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
  if (sent > 0) waiting.erase(0, static_cast<std::size_t>(sent));
  return true;
}

void ResetOnClose(const Descriptor& socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

pollfd Watch(const Descriptor& socket, const std::string& incoming, const std::string& outgoing) {
  const int events = (incoming.size() < kMostWaiting ? POLLIN : 0) | (outgoing.empty() ? 0 : POLLOUT);
  return {socket.number(), static_cast<short>(events), 0};
}

}  // namespace

Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

Descriptor::~Descriptor() {
  if (number_ >= 0) close(number_);
}

absl::StatusOr<std::unique_ptr<TcpProxy>> TcpProxy::Start(int server_port) {
  Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  if (wake.number() < 0 || bind(listener.number(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener.number(), SOMAXCONN) != 0 ||
      getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return absl::InternalError("start a proxy: the system gives no socket");
  }
  std::unique_ptr<TcpProxy> proxy(
      new TcpProxy(server_port, std::move(listener), ntohs(address.sin_port), std::move(wake)));
  proxy->thread_ = std::thread([raw = proxy.get()] { raw->Run(); });
  return proxy;
}

TcpProxy::TcpProxy(int server_port, Descriptor listener, int port, Descriptor wake)
    : server_port_(server_port), listener_(std::move(listener)), port_(port), wake_(std::move(wake)) {}

TcpProxy::~TcpProxy() {
  Obeyed(Order::kStop);
  thread_.join();
}

std::string TcpProxy::url() const { return absl::StrCat("nats://127.0.0.1:", port_); }

std::size_t TcpProxy::Cut() { return Obeyed(Order::kCut); }

std::size_t TcpProxy::Freeze() { return Obeyed(Order::kFreeze); }

std::size_t TcpProxy::Obeyed(Order order) {
  const std::uint64_t one = 1;
  MutexLock lock(mutex_);
  order_ = order;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  while (order_ != Order::kNone) changed_.Wait(lock);
  return affected_;
}

void TcpProxy::Run() {
  pthread_setname_np(pthread_self(), "tcp-proxy");
  do {
    Await();
    Accept();
    for (Connection& each : connections_) {
      if (each.frozen) continue;
      each.ended = !Pump(each.client.number(), each.server.number(), each.to_server) ||
                   !Pump(each.server.number(), each.client.number(), each.to_client);
    }
    std::erase_if(connections_, [](const Connection& each) { return each.ended; });
  } while (Obey());
}

void TcpProxy::Await() {
  std::vector<pollfd> sockets{{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
  for (const Connection& each : connections_) {
    if (each.frozen) continue;
    sockets.push_back(Watch(each.client, each.to_server, each.to_client));
    sockets.push_back(Watch(each.server, each.to_client, each.to_server));
  }
  poll(sockets.data(), sockets.size(), -1);
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_.number(), &ignored, sizeof ignored);
}

// Returns false when it is to stop.
bool TcpProxy::Obey() {
  MutexLock lock(mutex_);
  const Order order = std::exchange(order_, Order::kNone);
  if (order == Order::kNone) return true;
  affected_ = 0;
  for (Connection& each : connections_) {
    if (order == Order::kFreeze && !std::exchange(each.frozen, true)) ++affected_;
    if (order != Order::kCut) continue;
    ResetOnClose(each.client);
    ResetOnClose(each.server);
    ++affected_;
  }
  if (order == Order::kCut) connections_.clear();
  changed_.NotifyAll();
  return order != Order::kStop;
}

void TcpProxy::Accept() {
  while (true) {
    Connection made;
    made.client = Descriptor(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC));
    if (made.client.number() < 0) return;
    made.server = Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(made.client.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(made.server.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const sockaddr_in address = Loopback(server_port_.load(std::memory_order_relaxed));
    // On loopback this neither waits nor fails later; refused, closing it tells the client.
    if (connect(made.server.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) continue;
    connections_.push_back(std::move(made));
  }
}

}  // namespace penstock::testing
