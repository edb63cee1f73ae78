// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "penstock/actorpool/mutex.h"

namespace penstock::chaos {

/// Stands between clients and a server on loopback, and does to their connections what networks do.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its sockets and a thread named `chaos-proxy`.
/// **Blocking:** `SetFlow` and `Cut` until they are in force, which its thread sees to at once.
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

  /// Listens on a free port of loopback; each connection goes on to `target_port`, and is refused while nobody listens
  /// there. `kInternal` when the system lacks sockets.
  static absl::StatusOr<std::unique_ptr<TcpProxy>> Start(int target_port);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  int port() const { return port_; }

  /// For all connections, also those to come.
  void SetFlow(Flow to_server, Flow to_client);

  /// Connections that there are.
  std::size_t connections() const { return connection_count_.load(std::memory_order_relaxed); }

  /// Ends the connections that there are; returns how many.
  std::size_t Cut(Ending ending);

 private:
  class Socket {
   public:
    Socket() = default;
    explicit Socket(int number) : number_(number) {}
    Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();
    int number() const { return number_; }

   private:
    int number_ = -1;
  };
  // One direction of a connection.
  struct Stream {
    std::string waiting{};  // read and not yet written
    bool ended = false;     // the source has said its last
    bool told = false;      // and the sink knows
  };
  struct Connection {
    Socket client{};
    Socket server{};
    bool connected = false;
    bool broken = false;
    bool half_closed = false;
    Stream to_server{};
    Stream to_client{};
  };
  struct Flows {
    Flow to_server = Flow::kForward;
    Flow to_client = Flow::kForward;
  };

  TcpProxy(int target_port, Socket listener, int port, Socket wake);

  void Run();
  void Await(Flows flows) const;
  bool Obey() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Accept();
  void Serve(Connection& connection, Flows flows);
  void Wake() const;
  static void Pump(int from, int to, Stream& stream, Flow flow, bool& broken);
  static void End(Connection& connection, Ending ending);

  const int target_port_;
  const int port_;
  const Socket listener_;
  const Socket wake_;
  std::vector<Connection> connections_{};  // of the thread

  std::atomic<std::size_t> connection_count_{0};  // relaxed: a number by itself

  Mutex mutex_;
  CondVar obeyed_;
  Flows flows_ ABSL_GUARDED_BY(mutex_){};
  std::vector<std::pair<Ending, std::size_t*>> cuts_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t asked_ ABSL_GUARDED_BY(mutex_) = 0;     // changes of the flows
  std::uint64_t in_force_ ABSL_GUARDED_BY(mutex_) = 0;  // of these
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // joined by the destructor
};

}  // namespace penstock::chaos
