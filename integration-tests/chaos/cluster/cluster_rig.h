// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chaos/cluster/cluster_checker.h"
#include "support/child_process.h"
#include "support/routed_cluster.h"
#include "support/tcp_proxy.h"

namespace penstock::chaos {

struct ClusterRigOptions {
  std::uint64_t seed = 1;
  std::size_t events = 0;
  std::size_t nodes = 3;
  std::size_t tasks = 0;            ///< beside 100 events; 0: none, and no actor
  std::size_t credit = 0;           ///< of each consumer: messages in hand, at most
  bool tls = false;                 ///< the servers speak TLS to publisher and consumers
  std::size_t disk_bytes = 0;       ///< a disk of this size for each server; 0: no disk of its own
  std::string server_program{};     ///< the nats-server to begin with
  std::string publisher_program{};  ///< chaos_publisher, or another with its options and its ledger
  std::string consumer_program{};   ///< chaos_consumer, or another with its options and its ledger
  std::string durable{};            ///< of the consumer, on the topic's stream
  std::filesystem::path folder{};   ///< for ledgers and logs
};

/// The servers that have a part now; nothing where nobody has it, or nobody answered.
struct Leaders {
  std::optional<std::size_t> stream{};
  std::optional<std::size_t> consumer{};
  std::optional<std::size_t> meta{};
  bool caught_up = false;  ///< every replica of streams and consumer is current, those of tasks too

  bool all() const { return stream && consumer && meta; }
};

/// A cluster, a publisher, and consumer processes of which one handles and the others stand by: one beside each server.
///
/// **Thread safety:** thread-confined; its processes die with its thread. **Ownership:** owns all of them.
/// **Blocking:** each call until what it says has happened, with a deadline of its own.
class ClusterRig {
 public:
  /// One consumer process; another one takes its place when it has gone.
  struct Member {
    std::filesystem::path ledger{};
    std::unique_ptr<testing::ChildProcess> process{};  ///< null: it is gone
    std::size_t node = 0;                              ///< the server it is connected to
    std::optional<std::int64_t> killed_ns{};
    std::size_t window = 0;  ///< MaxAckPending of the durable when it was killed
  };

  /// Servers that have elected their JetStream leader; no publisher or consumer yet.
  static absl::StatusOr<std::unique_ptr<ClusterRig>> Build(ClusterRigOptions options);

  absl::Status StartPublisher();
  /// Connects the publisher to another server, cutting its connection.
  void MovePublisher(std::size_t node);
  std::size_t publisher_node() const { return publisher_node_; }
  bool has_publisher() const { return publisher_ != nullptr; }
  testing::ChildProcess& publisher() { return *publisher_; }
  std::filesystem::path publisher_ledger() const { return options_.folder / "publisher.ledger"; }

  absl::Status StartConsumer(std::size_t node);
  /// SIGKILL, and waits until it is gone. `kFailedPrecondition` when it had ended by itself.
  absl::Status KillConsumer(std::size_t member);
  /// SIGTERM. `kInternal` when it does not exit with 0 within 40 s.
  absl::Status EndConsumer(std::size_t member);
  /// Has handlers take so long from now on, in all consumers and those to come.
  void SlowHandlers(std::chrono::milliseconds time);
  /// In the order they were started. Those that ended by themselves stay until `Forget`.
  const std::vector<Member>& members() const { return members_; }
  void Forget(std::size_t member) { members_[member].process.reset(); }

  testing::RoutedCluster& cluster() { return *cluster_; }
  const std::filesystem::path& folder() const { return options_.folder; }
  const std::string& ca_file() const { return ca_file_; }  ///< empty: plaintext
  /// A server that runs, other than `node`.
  std::size_t OtherThan(std::size_t node) const;

  /// As that server knows it.
  Leaders FindLeaders(std::size_t asked);
  /// By the API, at that server.
  absl::Status StepDown(std::size_t asked, const std::string& leader_of);
  absl::Status StepDownMeta(std::size_t asked);
  absl::Status DeleteConsumer(std::size_t asked);
  const std::string& durable() const { return options_.durable; }

  /// How many messages the stream has.
  absl::StatusOr<std::uint64_t> Stored(const std::string& stream);
  /// All messages of the topic's stream. Bodies that are none of ours are counted in `unreadable`.
  absl::StatusOr<std::vector<StoredEvent>> ReadStream(const std::string& stream, std::uint64_t* unreadable);

 private:
  explicit ClusterRig(ClusterRigOptions options) : options_(std::move(options)) {}
  absl::Status LaunchServers();
  bool TakesReplicas();
  absl::StatusOr<std::unique_ptr<testing::ChildProcess>> Spawn(std::vector<std::string> command,
                                                               const std::string& log) const;
  std::size_t WindowNow();

  const ClusterRigOptions options_;
  std::string ca_file_{};  // empty: plaintext
  std::unique_ptr<testing::RoutedCluster> cluster_{};
  std::unique_ptr<testing::TcpProxy> publisher_wire_{};
  std::unique_ptr<testing::ChildProcess> publisher_{};
  std::size_t publisher_node_ = 0;
  std::uint16_t publishers_ = 0;
  std::vector<Member> members_{};
  std::chrono::milliseconds handler_time_{0};
};

}  // namespace penstock::chaos
