// SPDX-License-Identifier: Apache-2.0
#include "jetstream/jetstream_transport.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/consume/pull_consumer.h"
#include "jetstream/consume/push_consumer.h"
#include "transport/connect.h"

namespace penstock::eventbus {

absl::StatusOr<std::unique_ptr<Transport>> ConnectJetStream(const BusOptions& options) {
  return jetstream::JetStreamTransport::Connect(options);
}

namespace jetstream {
namespace {

constexpr std::chrono::milliseconds kLongestCheck(1500);
constexpr std::chrono::milliseconds kCloseFlush(500);

absl::Status Closed(const char* what, const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat(what, " \"", name, "\": the connection is closed"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> JetStreamTransport::Connect(const BusOptions& options) {
  absl::StatusOr<std::shared_ptr<Connection>> connection = Connection::Open(options);
  if (!connection.ok()) return connection.status();
  std::unique_ptr<JetStreamTransport> transport(new JetStreamTransport(*std::move(connection), options.log));
  absl::Status enabled = transport->CheckJetStream(std::min(options.connect_timeout, kLongestCheck));
  if (!enabled.ok()) return enabled;
  absl::StatusOr<std::unique_ptr<Publisher>> publisher =
      Publisher::Start(*transport->connection_, {options.publish_timeout, options.publish_window});
  if (!publisher.ok()) return publisher.status();
  transport->publisher_ = *std::move(publisher);
  return transport;
}

JetStreamTransport::JetStreamTransport(std::shared_ptr<Connection> connection, LogSink log)
    : connection_(std::move(connection)), log_(std::move(log)), api_(*connection_) {}

JetStreamTransport::~JetStreamTransport() {
  Close();
  connection_->io_threads().Join();  // others may hold the connection for a moment, on a thread of its
}

absl::Status JetStreamTransport::CheckJetStream(std::chrono::milliseconds budget) {
  const std::string what = absl::StrCat("connect to ", connection_->redacted_url());
  const absl::StatusOr<ApiReply> reply = api_.Call("INFO", Json(), budget);
  // A user that may not ask may still be allowed what the bus needs; one that gets no answers is not.
  if (absl::IsPermissionDenied(reply.status())) {
    const std::shared_ptr<Link> link = connection_->link();
    return link != nullptr && link->answers_denied() ? reply.status() : absl::OkStatus();
  }
  if (absl::IsUnavailable(reply.status()) && connection_->connected()) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": the server has no JetStream; enable it there and for this account"));
  }
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus(what, *reply->error);
  return absl::OkStatus();
}

absl::StatusOr<StreamFacts> JetStreamTransport::EnsureStream(const StreamSpec& spec) {
  if (connection_->closed()) return Closed("make stream", spec.name);
  return jetstream::EnsureStream(api_, spec);
}

absl::StatusOr<std::unique_ptr<Consumer>> JetStreamTransport::OpenConsumer(const ConsumerSpec& spec,
                                                                           ConsumerEvents events) {
  if (connection_->closed()) return Closed("open consumer", spec.consumer);
  const std::string prefix = absl::StrCat(Inbox::UniqueSubject(), ".");
  std::unique_ptr<ConsumerSession> consumer;
  if (spec.kind == ConsumerKind::kExclusive) {
    consumer = std::make_unique<PushConsumer>(*connection_, spec, std::move(events), log_, prefix);
  } else {
    consumer = std::make_unique<PullConsumer>(*connection_, spec, std::move(events), log_, prefix);
  }
  if (absl::Status started = consumer->Start(); !started.ok()) return started;
  return consumer;
}

absl::Status JetStreamTransport::Publish(OutboundMessage message, PublishDone done) {
  return publisher_->Publish(message, std::move(done));
}

absl::StatusOr<std::unique_ptr<StoredMessage>> JetStreamTransport::ReadMessage(const std::string& stream,
                                                                               const std::string& filter,
                                                                               std::uint64_t from_sequence) {
  if (connection_->closed()) return Closed("read from stream", stream);
  return jetstream::ReadMessage(api_, stream, filter, from_sequence);
}

absl::Status JetStreamTransport::DeleteMessage(const std::string& stream, std::uint64_t sequence) {
  if (connection_->closed()) return Closed("delete from stream", stream);
  return jetstream::DeleteMessage(api_, stream, sequence);
}

ConnectionStats JetStreamTransport::Stats() const {
  return {connection_->connected(), connection_->reconnects(), publisher_->pending(), publisher_->retries()};
}

absl::Status JetStreamTransport::Flush(std::chrono::milliseconds timeout) {
  absl::Status flushed = AwaitFlushed(timeout);
  flush_failed_.store(!flushed.ok(), std::memory_order_relaxed);
  return flushed;
}

absl::Status JetStreamTransport::AwaitFlushed(std::chrono::milliseconds timeout) {
  const auto deadline = Connection::Clock::now() + timeout;
  if (absl::Status idle = publisher_->AwaitIdle(deadline); !idle.ok()) return idle;
  const std::shared_ptr<Link> link = connection_->link();
  if (link == nullptr) return absl::UnavailableError("flush: not connected; what was sent last may be lost");
  if (link->Ping(deadline)) return absl::OkStatus();
  return absl::DeadlineExceededError("flush: the server did not answer in time; what was sent last may be lost");
}

void JetStreamTransport::Close() {
  if (publisher_ != nullptr) publisher_->Close();
  const bool hopeless = flush_failed_.load(std::memory_order_relaxed);
  connection_->Close(hopeless ? std::chrono::milliseconds(0) : kCloseFlush);
}

}  // namespace jetstream
}  // namespace penstock::eventbus
