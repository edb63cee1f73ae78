// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/program.h"

namespace penstock::benchmarks {

struct Destroy {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(jsCtx* context) const { jsCtx_Destroy(context); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};

using MessageHandle = std::unique_ptr<natsMsg, Destroy>;

/// OK, or what failed with nats.c's own words for the cause.
absl::Status Check(natsStatus status, std::string_view what);

/// Whether a connection writes each message to its socket at once, or gathers them in its buffer first, which costs up
/// to a millisecond.
enum class Writes { kGathered, kAtOnce };

/// One connection with its JetStream context. Thread-safe, as both are in nats.c.
class Session {
 public:
  /// To the target's server, over TLS when it has a certificate authority.
  static absl::StatusOr<std::unique_ptr<Session>> Connect(const Target& target, Writes writes = Writes::kGathered);

  natsConnection* connection() const { return connection_.get(); }
  jsCtx* context() const { return context_.get(); }

  /// Waits until the server has taken all that was written.
  absl::Status Flush() const;

  /// Makes a file stream for one subject unless there is one, and says how many messages it holds.
  absl::StatusOr<std::uint64_t> EnsureStream(const Target& target) const;

  /// Makes a consumer, in place of one of that name.
  absl::Status ReplaceConsumer(const std::string& stream, jsConsumerConfig& config) const;
  /// Fine, too, when there is none.
  absl::Status DeleteConsumer(const std::string& stream, const std::string& durable) const;
  /// Fine, too, when there is none.
  absl::Status DeleteStream(const std::string& stream) const;
  /// OK as soon as the server has every acknowledgement of the consumer, an error when that takes longer than 10 s.
  absl::Status AwaitAllAcked(const std::string& stream, const std::string& durable) const;

 private:
  std::unique_ptr<natsConnection, Destroy> connection_;
  std::unique_ptr<jsCtx, Destroy> context_;
};

/// A subscription whose callback runs one at a time on nats.c's thread, and no more once this is destroyed.
class Subscription {
 public:
  using Handler = absl::AnyInvocable<void(natsSubscription*, MessageHandle)>;

  /// A core subscription without pending limits.
  static absl::StatusOr<std::unique_ptr<Subscription>> Core(const Session& session, const std::string& subject,
                                                            Handler handler);
  /// A subscription by `js_Subscribe`, with acknowledgements left to the handler. The consumer bounds what is pending.
  static absl::StatusOr<std::unique_ptr<Subscription>> Push(const Session& session, const Target& target,
                                                            const jsConsumerConfig& config, Handler handler);
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;
  ~Subscription();

 private:
  class Callback;

  Subscription(natsSubscription* subscription, std::unique_ptr<Callback> callback);
  static absl::StatusOr<std::unique_ptr<Subscription>> Take(natsStatus status, natsSubscription* subscription,
                                                            std::unique_ptr<Callback> callback);

  natsSubscription* subscription_;
  std::unique_ptr<Callback> callback_;
};

/// A subject that is nobody else's.
std::string UniqueInbox();

}  // namespace penstock::benchmarks
