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

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace penstock::testing {
namespace {

using Flow = TcpProxy::Flow;

constexpr std::size_t kMostWaiting = 256 << 10;
constexpr std::size_t kChunk = 64 << 10;
constexpr std::size_t kTricklePerRound = 256;
constexpr int kTrickleRoundMs = 1;

// One direction of a connection.
struct Stream {
  std::string waiting{};  // read and not yet written
  bool ended = false;     // the source has said its last
  bool told = false;      // and the sink knows

  bool Readable() const { return !ended && waiting.size() < kMostWaiting; }
};

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool WouldBlock() { return errno == EAGAIN || errno == EINTR; }

// Read, Write and Pump return false when an end is gone.
bool Read(int from, std::size_t quota, Stream& stream) {
  if (!stream.Readable()) return true;
  std::array<char, kChunk> chunk;
  const ssize_t count = recv(from, chunk.data(), quota, 0);
  if (count > 0) stream.waiting.append(chunk.data(), static_cast<std::size_t>(count));
  stream.ended = count == 0;
  return count >= 0 || WouldBlock();
}

bool Write(int to, std::size_t quota, Stream& stream) {
  if (stream.waiting.empty()) return true;
  const ssize_t count = send(to, stream.waiting.data(), std::min(quota, stream.waiting.size()), MSG_NOSIGNAL);
  if (count > 0) stream.waiting.erase(0, static_cast<std::size_t>(count));
  return count >= 0 || WouldBlock();
}

bool Pump(int from, int to, Flow flow, Stream& stream) {
  if (flow == Flow::kHold) return true;
  const std::size_t quota = flow == Flow::kTrickle ? kTricklePerRound : kChunk;
  if (!Read(from, quota, stream) || !Write(to, quota, stream)) return false;
  if (stream.ended && stream.waiting.empty() && !std::exchange(stream.told, true)) shutdown(to, SHUT_WR);
  return true;
}

void Watch(int socket, bool readable, bool writable, std::vector<pollfd>& polled) {
  const int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
  // Without interest it would still report an error of its peer, again and again.
  if (events != 0) polled.push_back({socket, static_cast<short>(events), 0});
}

void ResetOnClose(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void SendAtOnce(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

class TcpProxy::Connection {
 public:
  Connection(Descriptor client, int server_port)
      : client_(std::move(client)), server_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    SendAtOnce(client_.number());
    SendAtOnce(server_.number());
    const sockaddr_in address = Loopback(server_port);
    const int done = connect(server_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    connected_ = done == 0;
    broken_ = done != 0 && errno != EINPROGRESS;
  }

  // To be forgotten, which closes it.
  bool broken() const { return broken_; }

  void Await(Flows flows, std::vector<pollfd>& polled) const {
    if (frozen_) return;
    const bool up = connected_ && flows.to_server == Flow::kForward;
    const bool down = connected_ && flows.to_client == Flow::kForward && !half_closed_;
    Watch(client_.number(), up && up_.Readable(), down && !down_.waiting.empty(), polled);
    Watch(server_.number(), down && down_.Readable(), !connected_ || (up && !up_.waiting.empty()), polled);
  }

  void Serve(Flows flows) {
    if (frozen_ || broken_ || !Connected()) return;
    broken_ = !Pump(client_.number(), server_.number(), flows.to_server, up_) ||
              (!half_closed_ && !Pump(server_.number(), client_.number(), flows.to_client, down_)) ||
              (up_.told && (half_closed_ || down_.told));
  }

  void End(Ending ending) {
    if (ending == Ending::kHalfClose) {
      shutdown(client_.number(), SHUT_WR);
      half_closed_ = true;
      return;
    }
    ResetOnClose(client_.number());
    ResetOnClose(server_.number());
    broken_ = true;
  }

  // Returns false when it was frozen before.
  bool Freeze() { return !std::exchange(frozen_, true); }

 private:
  bool Connected() {
    if (connected_) return true;
    pollfd writable{server_.number(), POLLOUT, 0};
    if (poll(&writable, 1, 0) <= 0) return false;
    broken_ = (writable.revents & (POLLERR | POLLHUP)) != 0;
    connected_ = !broken_;
    return connected_;
  }

  Descriptor client_;
  Descriptor server_;
  Stream up_{};
  Stream down_{};
  bool connected_ = false;
  bool broken_ = false;
  bool half_closed_ = false;
  bool frozen_ = false;
};

TcpProxy::Descriptor::Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

TcpProxy::Descriptor& TcpProxy::Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

TcpProxy::Descriptor::~Descriptor() {
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
    : listener_(std::move(listener)), port_(port), wake_(std::move(wake)), server_port_(server_port) {}

TcpProxy::~TcpProxy() {
  if (!thread_.joinable()) return;
  UntilObeyed([this] { stopping_ = true; });
  thread_.join();
}

std::string TcpProxy::url() const { return absl::StrCat("nats://127.0.0.1:", port_); }

void TcpProxy::ServerIsAt(int port) {
  UntilObeyed([&] { server_port_ = port; });
}

void TcpProxy::SetFlow(Flow to_server, Flow to_client) {
  UntilObeyed([&] { flows_ = {to_server, to_client}; });
}

std::size_t TcpProxy::connections() {
  std::size_t count = 0;
  UntilObeyed([&] { count = connections_.size(); });
  return count;
}

std::size_t TcpProxy::Cut(Ending ending) {
  std::size_t count = 0;
  UntilObeyed([&] {
    count = connections_.size();
    for (Connection& each : connections_) each.End(ending);
    ForgetBroken();
  });
  return count;
}

std::size_t TcpProxy::Freeze() {
  std::size_t count = 0;
  UntilObeyed([&] {
    for (Connection& each : connections_) count += each.Freeze() ? 1 : 0;
  });
  return count;
}

void TcpProxy::UntilObeyed(std::function<void()> order) {
  Order task(std::move(order));
  std::future<void> obeyed = task.get_future();
  {
    MutexLock lock(mutex_);
    orders_.push_back(std::move(task));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
  obeyed.get();
}

void TcpProxy::Run() {
  pthread_setname_np(pthread_self(), "tcp-proxy");
  while (!stopping_) {
    Await();
    Obey();
    for (Connection& each : connections_) each.Serve(flows_);
    ForgetBroken();
  }
}

// Waits until a socket is ready, a trickle's round has passed or there is an order.
void TcpProxy::Await() const {
  std::vector<pollfd> polled{{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
  for (const Connection& each : connections_) each.Await(flows_, polled);
  const bool trickles = flows_.to_server == Flow::kTrickle || flows_.to_client == Flow::kTrickle;
  poll(polled.data(), polled.size(), trickles ? kTrickleRoundMs : -1);
  std::uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t drained = read(wake_.number(), &ignored, sizeof ignored);
}

void TcpProxy::Obey() {
  std::vector<Order> orders;
  {
    MutexLock lock(mutex_);
    orders.swap(orders_);
  }
  Accept();  // after the orders were taken: they are also about those that waited to be accepted
  for (Order& order : orders) order();
}

void TcpProxy::Accept() {
  while (true) {
    Descriptor client(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client.number() < 0) return;
    Connection made(std::move(client), server_port_);
    if (!made.broken()) connections_.push_back(std::move(made));
  }
}

void TcpProxy::ForgetBroken() {
  std::erase_if(connections_, [](const Connection& each) { return each.broken(); });
}

}  // namespace penstock::testing
