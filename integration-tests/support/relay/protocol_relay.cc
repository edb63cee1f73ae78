// SPDX-License-Identifier: Apache-2.0
#include "support/relay/protocol_relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::testing {

absl::StatusOr<std::unique_ptr<ProtocolRelay>> ProtocolRelay::Start(const Options& options) {
  std::shared_ptr<TlsContext> tls;
  if (!options.certificate_file.empty()) {
    auto context = TlsContext::Create(options.certificate_file, options.key_file);
    if (!context.ok()) return context.status();
    tls = *std::move(context);
  }
  Socket listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Socket wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (wake.number() < 0 || bind(listener.number(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(listener.number(), SOMAXCONN) != 0 ||
      getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return absl::InternalError("start a relay: the system gives no socket");
  }
  std::unique_ptr<ProtocolRelay> relay(new ProtocolRelay(options.server_port, std::move(tls), std::move(listener),
                                                         ntohs(address.sin_port), std::move(wake)));
  relay->thread_ = std::thread([raw = relay.get()] { raw->Run(); });
  return relay;
}

ProtocolRelay::ProtocolRelay(int server_port, std::shared_ptr<TlsContext> tls, Socket listener, int port, Socket wake)
    : server_port_(server_port),
      tls_(std::move(tls)),
      port_(port),
      wake_(std::move(wake)),
      listener_(std::move(listener)) {}

ProtocolRelay::~ProtocolRelay() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  Wake();
  if (thread_.joinable()) thread_.join();
}

std::string ProtocolRelay::url() const { return absl::StrCat(tls_ ? "tls" : "nats", "://127.0.0.1:", port_); }

void ProtocolRelay::GoSilentAt(Step step) {
  MutexLock lock(mutex_);
  silent_at_ = step;
}

void ProtocolRelay::FreezeAfter(Direction direction, std::size_t bytes) {
  MutexLock lock(mutex_);
  for (RelayedConnection& each : connections_) each.FreezeAfter(direction, bytes);
}

void ProtocolRelay::Rewrite(FrameRewriter rewrite) {
  MutexLock lock(mutex_);
  rewrite_ = std::move(rewrite);
}

void ProtocolRelay::Say(const std::string& bytes) {
  {
    MutexLock lock(mutex_);
    for (RelayedConnection& each : connections_) each.Say(bytes);
  }
  Wake();
}

void ProtocolRelay::Flood(char byte, std::size_t count) {
  {
    MutexLock lock(mutex_);
    for (RelayedConnection& each : connections_) each.Flood(byte, count);
  }
  Wake();
}

std::size_t ProtocolRelay::Cut() {
  MutexLock lock(mutex_);
  const std::size_t count = connections_.size();
  for (const RelayedConnection& each : connections_) bytes_of_closed_ += each.bytes_to_client();
  connections_.clear();
  Wake();
  return count;
}

void ProtocolRelay::Shut() {
  Cut();
  MutexLock lock(mutex_);
  shutdown(listener_.number(), SHUT_RDWR);  // the thread still polls it
  listener_ = Socket();
}

std::size_t ProtocolRelay::connections() const {
  MutexLock lock(mutex_);
  return connections_.size();
}

std::size_t ProtocolRelay::accepted() const {
  MutexLock lock(mutex_);
  return accepted_;
}

std::size_t ProtocolRelay::bytes_to_clients() const {
  MutexLock lock(mutex_);
  std::size_t sum = bytes_of_closed_;
  for (const RelayedConnection& each : connections_) sum += each.bytes_to_client();
  return sum;
}

void ProtocolRelay::Wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.number(), &one, sizeof one);
}

void ProtocolRelay::Run() {
  pthread_setname_np(pthread_self(), "nats-relay");
  while (true) {
    std::vector<pollfd> polled = Interests();
    if (polled.empty()) return;
    // A descriptor that is closed meanwhile is woken for: nothing is waited for in vain.
    poll(polled.data(), polled.size(), -1);
    std::uint64_t ignored = 0;
    [[maybe_unused]] const ssize_t drained = read(wake_.number(), &ignored, sizeof ignored);
    Serve();
  }
}

// Empty when stopping.
std::vector<pollfd> ProtocolRelay::Interests() const {
  MutexLock lock(mutex_);
  if (stopping_) return {};
  std::vector<pollfd> polled{{wake_.number(), POLLIN, 0}, {listener_.number(), POLLIN, 0}};
  for (const RelayedConnection& each : connections_) each.Await(polled);
  return polled;
}

void ProtocolRelay::Serve() {
  MutexLock lock(mutex_);
  Accept();
  for (RelayedConnection& each : connections_) each.Serve(rewrite_);
  std::erase_if(connections_, [this](const RelayedConnection& each) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (each.broken()) bytes_of_closed_ += each.bytes_to_client();
    return each.broken();
  });
}

void ProtocolRelay::Accept() {
  while (true) {
    Socket client(accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client.number() < 0) return;
    ++accepted_;
    connections_.emplace_back(std::move(client), server_port_, tls_, silent_at_);
  }
}

}  // namespace penstock::testing
