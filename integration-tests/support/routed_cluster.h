// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "support/nats_server.h"
#include "support/small_disk.h"
#include "support/tcp_proxy.h"

namespace penstock::testing {

struct RoutedClusterOptions {
  std::size_t servers = 3;
  /// As `NatsServerOptions::binary`.
  std::string binary{};
  /// For every server, in the server's own syntax; see `RoutedCluster` for what it has already.
  std::string config{};
  /// A disk of this size for each server's store, see `SmallDisk`. 0: a folder of the disk that there is.
  std::size_t disk_bytes = 0;
};

/// Several nats-servers that share JetStream, and every route between two of them leads through a proxy, so that
/// servers can be cut off from each other. They are called n0, n1, ...; clients are in account `BUS` unless they log in
/// as `sys`, password `sys`.
///
/// Servers tell each other about a third one and would connect past the proxies: each advertises a port where nobody
/// listens. Pooled routes and those of an account of its own (2.10 and later) are opened to the configured addresses,
/// thus through the proxies too.
///
/// **Thread safety:** thread-confined. **Ownership:** owns servers and proxies. **Blocking:** as `NatsServer` and
/// `TcpProxy`.
class RoutedCluster {
 public:
  /// How the routes are cut.
  enum class Cut {
    kReset,      ///< RST to both ends; new connections end at once
    kBlackHole,  ///< nothing passes and nobody is told; new connections are accepted
  };

  /// Errors as `NatsServer::Launch` and `SmallDisk::Mount`. JetStream may need some more seconds to choose its leader.
  static absl::StatusOr<std::unique_ptr<RoutedCluster>> Launch(RoutedClusterOptions options);

  ~RoutedCluster();
  RoutedCluster(const RoutedCluster&) = delete;
  RoutedCluster& operator=(const RoutedCluster&) = delete;

  std::size_t size() const { return options_.servers; }
  NatsServer& server(std::size_t index) { return *servers_[index]; }
  const NatsServer& server(std::size_t index) const { return *servers_[index]; }
  static std::string NameOf(std::size_t index);
  /// Null unless `disk_bytes` were asked for.
  SmallDisk* disk(std::size_t index) { return disks_.empty() ? nullptr : disks_[index].get(); }

  /// Cuts the routes between two servers; returns how many connections there were.
  std::size_t CutRoute(std::size_t one, std::size_t other, Cut how);
  /// Cuts one server off from all others; returns how many connections there were.
  std::size_t Isolate(std::size_t index, Cut how);
  /// Routes that were cut can be opened again. What a black hole held is lost.
  void Heal();

  /// Takes JetStream from account `BUS`, or gives it back, on all servers while they run. What the streams hold stays.
  void SetJetStream(bool enabled);

 private:
  explicit RoutedCluster(RoutedClusterOptions options) : options_(std::move(options)) {}
  std::string ConfigOf(std::size_t index, bool jetstream) const;
  std::size_t Place(std::size_t from, std::size_t to) const { return from * size() + to; }

  const RoutedClusterOptions options_;
  absl::Status MakeProxies();
  absl::Status MakeStores();

  std::filesystem::path stores_{};
  std::vector<std::unique_ptr<SmallDisk>> disks_{};
  std::vector<int> ports_{};                         // of the routes
  std::vector<bool> cut_{};                          // as routes_
  std::vector<std::unique_ptr<TcpProxy>> routes_{};  // by from * size() + to; none from a server to itself
  std::vector<std::unique_ptr<NatsServer>> servers_{};
};

}  // namespace penstock::testing
