// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::testing {

/// Stands between clients and a server on loopback, and does to their connections what networks do.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its sockets and a thread named `tcp-proxy`.
/// **Blocking:** each call until what it says is in force, which the proxy's thread sees to at once.
/// **Shutdown:** the destructor closes every connection.
class TcpProxy {
 public:
  enum class Flow {
    kForward,
    kHold,     ///< nothing passes; the sender's buffers fill
    kTrickle,  ///< 256 bytes a millisecond
  };
  enum class Ending {
    kReset,      ///< RST to both ends; what was on its way is gone
    kHalfClose,  ///< the client sees an end of file and can still send
  };

  /// Listens on a free port of loopback; connections go on to `server_port`. `kInternal` when the system gives no
  /// sockets.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Start(int server_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }
  std::string url() const;

  /// Where connections to come lead; they end at once while nobody listens there, as nobody does on port 0.
  void ServerIsAt(int port);

  /// For all connections, also those to come.
  void SetFlow(Flow to_server, Flow to_client);

  /// Connections that there are.
  std::size_t connections();

  /// Ends the connections that there are, frozen ones too; returns how many.
  std::size_t Cut(Ending ending = Ending::kReset);

  /// Nothing passes any more on the connections that there are, whatever the flow, and neither end learns what becomes
  /// of the other, as when a router forgot them; those to come work. Returns how many were not frozen before.
  std::size_t Freeze();

 private:
  class Connection;
  class Descriptor {
   public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept;
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();
    int number() const { return number_; }

   private:
    int number_;
  };
  struct Flows {
    Flow to_server = Flow::kForward;
    Flow to_client = Flow::kForward;
  };
  using Order = std::packaged_task<void()>;

  TcpProxy(int server_port, Descriptor listener, int port, Descriptor wake);

  void UntilObeyed(std::function<void()> order);
  void Run();
  void Await() const;
  void Obey();
  void Accept();
  void ForgetBroken();

  const Descriptor listener_;
  const int port_;
  const Descriptor wake_;

  // Of the thread, as are the orders when it obeys them.
  int server_port_;
  Flows flows_{};
  std::vector<Connection> connections_;
  bool stopping_ = false;

  Mutex mutex_;
  std::vector<Order> orders_ ABSL_GUARDED_BY(mutex_){};

  std::thread thread_;  // joined by the destructor
};

}  // namespace penstock::testing
