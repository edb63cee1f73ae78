// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "bucket/stream_bucket.h"
#include "jetstream/api/api_client.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/api/stream_reading.h"
#include "jetstream/bucket/jetstream_bucket.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/pull_consumer.h"
#include "jetstream/consume/push_consumer.h"
#include "jetstream/publish/publisher.h"
#include "penstock/actorpool/internal/deadline.h"
#include "transport/connect.h"

namespace penstock::eventbus {
namespace jetstream {
namespace {

constexpr std::chrono::milliseconds kLongestCheck(1500);
constexpr std::chrono::milliseconds kCloseFlush(500);
constexpr char kLeaseBucket[] = "PENSTOCK_OWNERSHIP";
constexpr char kTooFewServers[] = "JetStream error 10074";

absl::Status Closed(const char* what, const std::string& name) {
  return absl::FailedPreconditionError(absl::StrCat(what, " \"", name, "\": the connection is closed"));
}

/// The transport over a NATS server with JetStream: core NATS and the JSON API only, which are the same in every
/// version of client library and server. Everything else as `Transport`.
class JetStreamTransport final : public Transport {
 public:
  JetStreamTransport(std::shared_ptr<Connection> connection, const BusOptions& options)
      : connection_(std::move(connection)),
        log_(options.log),
        api_(*connection_),
        lease_([this](const CallLimit& limit) { return OpenLeases(limit); }, options.client_id, log_),
        fences_([this](const CallLimit& limit) { return OpenBucket({.name = kLeaseBucket}, limit); }) {}

  ~JetStreamTransport() override {
    Close();
    connection_->io_threads().Join();  // others may hold the connection for a moment, on a thread of its
  }

  /// Before anything else; may fail, by `deadline` at the latest.
  absl::Status Start(const BusOptions& options, Connection::Clock::time_point deadline, const std::stop_token& stop) {
    const auto left = std::chrono::floor<std::chrono::milliseconds>(deadline - Connection::Clock::now());
    const bool remote = connection_->api_subjects().remote();
    absl::Status enabled = CheckJetStream(remote ? left : std::min(left, kLongestCheck), stop);
    if (enabled.ok()) {
      publisher_ = Publisher::Start(*connection_, {options.publish_timeout, options.publish_window});
    } else {
      connection_->Close(std::chrono::milliseconds(0));  // nothing was sent that a flush would have to wait for
    }
    if (enabled.ok()) LogLine(log_, LogLevel::kInfo, connection_->Describe("connected to"));
    return enabled;
  }

  std::string_view name() const override { return "jetstream"; }

  absl::StatusOr<StreamFacts> EnsureStream(const StreamSpec& spec) override {
    if (connection_->closed()) return Closed("make stream", spec.name);
    return jetstream::EnsureStream(api_, spec);
  }

  absl::StatusOr<StreamFacts> FindStream(const std::string& name) override {
    if (connection_->closed()) return Closed("look up stream", name);
    return jetstream::FindStream(api_, name);
  }

  absl::StatusOr<std::vector<std::string>> ListStreams(const std::string& pattern) override {
    if (connection_->closed()) return Closed("list the streams of", pattern);
    return jetstream::ListStreams(api_, pattern);
  }

  absl::StatusOr<std::unique_ptr<Consumer>> OpenConsumer(const ConsumerSpec& spec, ConsumerEvents events) override {
    if (connection_->closed()) return Closed("open consumer", spec.consumer);
    std::unique_ptr<ConsumerSession> consumer;
    if (spec.kind == ConsumerKind::kExclusive) {
      consumer = std::make_unique<PushConsumer>(*connection_, lease_, fences_, spec, std::move(events), log_);
    } else {
      consumer = std::make_unique<PullConsumer>(*connection_, spec, std::move(events), log_);
    }
    if (absl::Status started = consumer->Start(); !started.ok()) return started;
    return consumer;
  }

  absl::Status Publish(OutboundMessage message, PublishDone done) override {
    if (IsBucketSubject(message.subject)) {
      message.subject = connection_->api_subjects().ForBucketWrite(message.subject);
    }
    return publisher_->Publish(message, std::move(done));
  }

  void SetInlineExecutor(actorpool::internal::InlineExecutor& executor) override {
    connection_->io_threads().SetExecutor(&executor);
  }

  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(const std::string& stream, const std::string& filter,
                                                             std::uint64_t from_sequence) override {
    if (connection_->closed()) return Closed("read from stream", stream);
    return jetstream::ReadMessage(api_, stream, filter, from_sequence);
  }

  absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessageAt(const std::string& stream,
                                                               std::uint64_t sequence) override {
    if (connection_->closed()) return Closed("read from stream", stream);
    return jetstream::ReadMessageAt(api_, stream, sequence, {});
  }

  absl::StatusOr<StreamContents> ReadHeaders(const std::string& stream, const std::string& filter,
                                             std::uint64_t from_sequence, const HeaderReader& reader) override {
    if (connection_->closed()) return Closed("read from stream", stream);
    return jetstream::ReadHeaders(*connection_, api_, {stream, filter, from_sequence}, reader);
  }

  absl::StatusOr<StreamContents> LookAtContents(const std::string& stream) override {
    if (connection_->closed()) return Closed("look at stream", stream);
    return jetstream::LookAtContents(api_, stream);
  }

  absl::Status DeleteMessage(const std::string& stream, std::uint64_t sequence) override {
    if (connection_->closed()) return absl::CancelledError(Closed("delete from stream", stream).message());
    return jetstream::DeleteMessage(api_, stream, sequence);
  }

  absl::StatusOr<bool> HasMessage(const std::string& stream, std::uint64_t sequence) override {
    if (connection_->closed()) return Closed("look up in stream", stream);
    return jetstream::HasMessage(api_, stream, sequence);
  }

  absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenBucket(const BucketSpec& spec, const CallLimit& limit) override {
    if (absl::Status checked = CheckBucketSpec(spec); !checked.ok()) return checked;
    if (connection_->closed()) return Closed("open bucket", spec.name);
    absl::StatusOr<std::unique_ptr<BucketStream>> stream =
        JetStreamBucket::Open(connection_, spec, log_, closing_.get_token(), limit);
    if (!stream.ok()) return stream.status();
    return std::make_unique<StreamBucket>(*std::move(stream));
  }

  bool MayStoreTwice() const override { return connection_->clustered(); }
  std::size_t max_payload_bytes() const override { return connection_->max_payload_bytes(); }
  bool connected() const override { return connection_->connected(); }
  std::uint64_t generation() const override { return connection_->reconnects() + 1; }
  ConnectionStats Stats() const override {
    return {connection_->connected(), connection_->reconnects(), publisher_->pending(), publisher_->retries()};
  }

  absl::Status Flush(std::chrono::milliseconds timeout) override {
    absl::Status flushed = AwaitFlushed(timeout);
    flush_failed_.store(!flushed.ok(), std::memory_order_relaxed);
    return flushed;
  }

  void Close() override {
    closing_.request_stop();
    if (publisher_ != nullptr) publisher_->Close();
    const bool hopeless = flush_failed_.load(std::memory_order_relaxed);
    connection_->Close(hopeless ? std::chrono::milliseconds(0) : kCloseFlush);
  }

 private:
  absl::Status CheckJetStream(std::chrono::milliseconds budget, const std::stop_token& stop) {
    const std::string what = absl::StrCat("connect to ", connection_->redacted_url());
    const absl::StatusOr<ApiReply> reply = api_.Call("INFO", Json(), budget, stop);
    if (stop.stop_requested()) return absl::CancelledError(absl::StrCat(what, ": stopped before it was connected"));
    // A user that may not ask may still be allowed what the bus needs; one that gets no answers is not.
    if (absl::IsPermissionDenied(reply.status())) {
      const std::shared_ptr<Link> link = connection_->link();
      return link != nullptr && link->answers_denied() ? reply.status() : absl::OkStatus();
    }
    if (absl::IsUnavailable(reply.status()) && connection_->connected()) {
      return NoJetStream(what);
    }
    // Servers of a cluster that elect a leader have JetStream; what is asked of them next is tried again.
    const bool elects =
        absl::IsDeadlineExceeded(reply.status()) || (reply.ok() && reply->error && IsTransient(*reply->error));
    if (elects && connection_->connected() && connection_->clustered()) return absl::OkStatus();
    if (!reply.ok()) return reply.status();
    if (reply->error) return ApiStatus(what, *reply->error);
    return absl::OkStatus();
  }

  // That of another domain or account may only be out of reach for now.
  absl::Status NoJetStream(const std::string& what) const {
    const ApiSubjects& subjects = connection_->api_subjects();
    if (!subjects.remote()) {
      return absl::FailedPreconditionError(
          absl::StrCat(what, ": the server has no JetStream; enable it there and for this account"));
    }
    return absl::UnavailableError(
        absl::StrCat(what, ": nobody answers at \"", std::string(subjects.prefix()),
                     ".INFO\"; check jetstream_domain or jetstream_api_prefix, the leaf node's "
                     "connection, and what this account imports"));
  }

  // On three servers, where there are so many: what one alone keeps, is gone with it for a while.
  absl::StatusOr<std::unique_ptr<KeyValueStore>> OpenLeases(const CallLimit& limit) {
    BucketSpec spec{.name = kLeaseBucket, .options = {.replicas = 3}};
    absl::StatusOr<std::unique_ptr<KeyValueStore>> store = OpenBucket(spec, limit);
    const bool fewer =
        absl::IsFailedPrecondition(store.status()) && (absl::StrContains(store.status().message(), kTooFewServers) ||
                                                       absl::StrContains(store.status().message(), "replicas"));
    if (!fewer) return store;
    spec.options.replicas = 1;
    LogLine(log_, LogLevel::kWarning,
            absl::StrCat("bucket ", kLeaseBucket, " has one replica: while that server is down, no owner handles"));
    return OpenBucket(spec, limit);
  }

  absl::Status AwaitFlushed(std::chrono::milliseconds timeout) {
    const auto deadline = DeadlineAfter(timeout);
    if (absl::Status idle = publisher_->AwaitIdle(deadline); !idle.ok()) return idle;
    const std::shared_ptr<Link> link = connection_->link();
    if (link == nullptr) return absl::UnavailableError("flush: not connected; what was sent last may be lost");
    if (link->Ping(deadline)) return absl::OkStatus();
    return absl::DeadlineExceededError("flush: the server did not answer in time; what was sent last may be lost");
  }

  const std::shared_ptr<Connection> connection_;
  const LogSink log_;
  ApiClient api_;
  std::stop_source closing_{};              // told to buckets and watches, which may live on
  std::atomic<bool> flush_failed_{false};   // relaxed: closing then waits for nothing more
  std::unique_ptr<Publisher> publisher_{};  // set by `Start`
  SessionLease lease_;
  FenceIssuer fences_;
};

}  // namespace
}  // namespace jetstream

absl::StatusOr<std::unique_ptr<Transport>> ConnectJetStream(const BusOptions& options, const std::stop_token& stop) {
  const bool for_ever = options.connect_timeout.count() == 0;
  const auto deadline =
      for_ever ? jetstream::Connection::Clock::time_point::max() : DeadlineAfter(options.connect_timeout);
  absl::StatusOr<std::shared_ptr<jetstream::Connection>> connection =
      jetstream::Connection::Open(options, deadline, stop);
  if (!connection.ok()) return connection.status();
  auto transport = std::make_unique<jetstream::JetStreamTransport>(*std::move(connection), options);
  if (absl::Status started = transport->Start(options, deadline, stop); !started.ok()) return started;
  return transport;
}

}  // namespace penstock::eventbus
