// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/connection/nats_session.h"
#include "jetstream/connection/requests.h"
#include "jetstream/io/io_loop.h"

namespace penstock::eventbus::jetstream {

/// The subject in an error of the server's such as `Permissions Violation for Publish to "x"`; empty when the text is
/// another.
std::string_view DeniedSubject(std::string_view text);

/// One connection to a server, from its begin to its end; never reconnected.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its loop and the session of nats.c.
/// **Shutdown:** `Close`.
class Link {
 public:
  using Clock = std::chrono::steady_clock;

  /// Makes the connection that `stream` carries, `first_bytes` of which were read already, up to the server's answer to
  /// CONNECT. `kUnauthenticated`, `kUnavailable`, `kFailedPrecondition` (TLS), `kCancelled`.
  struct Plan {
    std::unique_ptr<ByteStream> stream{};
    std::string first_bytes{};
    ServerInfo info{};
    ClientIdentity identity{};
    std::string credentials_file{};
    std::string inbox_prefix{};  ///< answers to requests come below it
    std::uint64_t generation = 0;
    IoEvents events{};  ///< for the supervisor
  };
  static absl::StatusOr<std::shared_ptr<Link>> Establish(IoThreads& threads, Plan plan, const WaitLimit& limit);

  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  IoLoop& loop() const { return *loop_; }
  /// Counts connections from 1: state of a lower one has to be set up anew.
  std::uint64_t generation() const { return generation_; }
  std::size_t max_payload_bytes() const { return max_payload_bytes_.load(std::memory_order_relaxed); }
  bool usable() const { return !loop_->over(); }

  /// Publishes, in this order. `kUnavailable` when they cannot be sent, `kInvalidArgument` for a message over the
  /// server's limit or an invalid subject.
  absl::Status Publish(std::span<const Publication> publications);
  absl::Status Publish(const Publication& publication) { return Publish({&publication, 1}); }

  /// Whether the server refuses the subscription that answers to requests come to.
  bool answers_denied() const { return requests_->denied(); }
  /// As `Requests::Ask`.
  absl::StatusOr<MessageHandle> Request(std::string_view subject, std::string_view body, Clock::time_point deadline,
                                        const std::stop_token& stop = {}) {
    return requests_->Ask(subject, body, deadline, stop);
  }
  /// The same, for a message with headers; also `kInvalidArgument` as `Publish`.
  absl::StatusOr<MessageHandle> Request(const Publication& question, Clock::time_point deadline,
                                        const std::stop_token& stop = {}, std::chrono::milliseconds again = {}) {
    if (absl::Status fits = CheckSizes({&question, 1}); !fits.ok()) return fits;
    return requests_->Ask(question, deadline, stop, again);
  }

  /// Whether the server answered a ping by the deadline: then the connection was alive when this was called.
  bool Ping(Clock::time_point deadline, const std::stop_token& stop = {}) { return loop_->Ping(deadline, stop); }

  /// Queued data goes out before, if the server takes it within `flush`. Idempotent.
  void Close(std::chrono::milliseconds flush = kLastFlush);

 private:
  static constexpr std::chrono::milliseconds kLastFlush{500};

  explicit Link(const Plan& plan);

  absl::Status CheckSizes(std::span<const Publication> publications) const;
  void OnError(std::string_view text);
  void OnInfo(const ServerInfo& info);
  void OnEnded();
  absl::Status Open(int relay_port, const std::string& admission, const Plan& plan, const WaitLimit& limit);

  const IoEvents events_;
  const std::uint64_t generation_;
  std::atomic<std::size_t> max_payload_bytes_;  // relaxed: a number by itself
  std::unique_ptr<IoLoop> loop_{};              // these three are set before the link is handed out
  std::unique_ptr<Requests> requests_{};
  NatsSession session_{};
};

}  // namespace penstock::eventbus::jetstream
