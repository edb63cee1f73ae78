// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::testing {

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int number() const { return number_; }

 private:
  int number_;
};

/// Passes connections of loopback on to a server, until it is told to do to them what networks do.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its sockets and a thread named `tcp-proxy`.
/// **Blocking:** `Cut` and `Freeze` until its thread has obeyed, which it does at once.
class TcpProxy {
 public:
  /// `kInternal` when the system gives no sockets.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Start(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }
  std::string url() const;

  /// Where connections to come lead; 0: nowhere, they are refused.
  void ServerIsAt(int port) { server_port_.store(port, std::memory_order_relaxed); }

  /// Resets the connections that there are, at both ends; returns how many.
  std::size_t Cut();
  /// Nothing passes any more on the connections that there are, and neither end learns what becomes of the other, as
  /// when a router forgot them; those to come work. Returns how many.
  std::size_t Freeze();

 private:
  struct Connection {
    Descriptor client{};
    Descriptor server{};
    std::string to_client{};
    std::string to_server{};
    bool frozen = false;
    bool ended = false;
  };
  enum class Order { kNone, kCut, kFreeze, kStop };

  TcpProxy(int server_port, Descriptor listener, int port, Descriptor wake);
  std::size_t Obeyed(Order order);
  void Run();
  void Await();
  bool Obey();
  void Accept();

  std::atomic<int> server_port_;  // relaxed: a number by itself
  const Descriptor listener_;
  const int port_;
  const Descriptor wake_;
  std::vector<Connection> connections_{};  // of the thread

  Mutex mutex_;
  CondVar changed_;
  Order order_ ABSL_GUARDED_BY(mutex_) = Order::kNone;
  std::size_t affected_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread thread_;  // joined by the destructor
};

}  // namespace penstock::testing
