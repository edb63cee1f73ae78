// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chaos/checker.h"
#include "chaos/event_plan.h"
#include "support/child_process.h"
#include "support/nats_server.h"
#include "support/tcp_proxy.h"

namespace penstock::chaos {

struct RigOptions {
  std::uint64_t seed = 1;
  std::size_t events = 0;
  std::size_t tasks = 0;            ///< beside 100 events; 0: none, and no actor
  std::size_t credit = 0;           ///< of the consumer: messages in hand, at most
  bool tls = false;                 ///< the server speaks TLS, and so do publisher and consumer
  std::string server_program{};     ///< a nats-server
  std::string publisher_program{};  ///< chaos_publisher
  std::string consumer_program{};   ///< chaos_consumer
  std::filesystem::path folder{};   ///< for ledgers and logs
};

/// The processes of a run and the wires between them.
///
/// **Thread safety:** thread-confined; its processes die with its thread. **Ownership:** owns all of them.
/// **Blocking:** each call until what it says has happened, with a deadline of its own.
class Rig {
 public:
  /// One consumer process after the other; several at a time only while one stands by.
  struct Consumer {
    std::filesystem::path ledger{};
    std::unique_ptr<testing::ChildProcess> process{};
    std::optional<std::int64_t> killed_ns{};
    std::size_t window = 0;  ///< messages it may have had in hand when it was killed
  };

  /// Server and proxies, no publisher or consumer yet.
  static absl::StatusOr<std::unique_ptr<Rig>> Build(RigOptions options);

  absl::Status StartPublisher();
  absl::Status StartConsumer();
  /// SIGKILL, and waits until it is gone. `kFailedPrecondition` when it had ended by itself.
  absl::Status KillPublisher();
  absl::Status KillConsumer(std::size_t index);
  /// SIGTERM. `kInternal` when it does not exit with 0 within 40 s.
  absl::Status EndConsumer();

  testing::NatsServer& server() { return *server_; }
  testing::TcpProxy& publisher_wire() { return *publisher_wire_; }
  testing::TcpProxy& consumer_wire() { return *consumer_wire_; }
  testing::ChildProcess& publisher() { return *publisher_; }
  /// The one started last.
  testing::ChildProcess& consumer() { return *consumers_.back().process; }
  const std::vector<Consumer>& consumers() const { return consumers_; }
  std::filesystem::path publisher_ledger() const { return options_.folder / "publisher.ledger"; }
  const std::filesystem::path& folder() const { return options_.folder; }
  const std::string& ca_file() const { return ca_file_; }  ///< empty: plaintext

  /// Deletes the durable on the server.
  absl::Status DeleteConsumer();
  /// Messages in the stream.
  absl::StatusOr<std::uint64_t> Stored(const std::string& stream);
  /// The events in the dead-letter stream. Bodies that are none of ours are counted in `unreadable`.
  absl::StatusOr<std::vector<EventRef>> DeadLetters(std::uint64_t* unreadable);

 private:
  explicit Rig(RigOptions options) : options_(std::move(options)) {}
  absl::Status LaunchServer();
  /// Publisher or consumer.
  absl::StatusOr<std::unique_ptr<testing::ChildProcess>> Spawn(std::vector<std::string> command,
                                                               const std::string& log) const;
  std::size_t WindowNow() const;

  const RigOptions options_;
  std::string ca_file_{};  // empty: plaintext
  std::unique_ptr<testing::NatsServer> server_{};
  std::unique_ptr<testing::TcpProxy> publisher_wire_{};
  std::unique_ptr<testing::TcpProxy> consumer_wire_{};
  std::unique_ptr<testing::ChildProcess> publisher_{};
  std::uint16_t publishers_ = 0;
  std::vector<Consumer> consumers_{};
};

}  // namespace penstock::chaos
