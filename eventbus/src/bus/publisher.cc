// SPDX-License-Identifier: Apache-2.0
#include "bus/publisher.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "transport/names.h"
#include "transport/options_check.h"

namespace penstock::eventbus {
Publisher::Publisher(const BusOptions& options, Transport& transport, TopicStreams& streams)
    : options_(options), transport_(transport), streams_(streams) {}

absl::Status Publisher::PublishBytes(std::string_view topic, std::string_view body, PublishOptions options,
                                     PublishCallback done) {
  if (auto status = Check(topic, options); !status.ok()) return status;
  // A plain message needs an ID too, so that sending it again after a lost PubAck stores it once.
  Outgoing message{.subject = std::string(topic),
                   .body = std::string(body),
                   .message_id = options.message_id.empty() ? NewEventId() : std::move(options.message_id),
                   .headers = std::move(options.headers)};
  if (!options.key.empty()) message.headers.emplace_back(header::kAggregateId, PercentEncode(options.key));
  return Send(topic, Storage::kMemory, std::move(message), std::move(done));
}

absl::Status Publisher::PublishEnvelope(std::string_view topic, Envelope envelope, PublishOptions options,
                                        PublishCallback done) {
  if (auto status = Check(topic, options); !status.ok()) return status;
  if (!options.key.empty() || !options.message_id.empty()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("publish to %s: options \"key\" and \"message_id\" are for plain messages; set the envelope's "
                        "aggregate_id and event_id",
                        Quoted(topic)));
  }
  if (envelope.event_id.empty()) envelope.event_id = NewEventId();
  if (envelope.timestamp == std::chrono::system_clock::time_point{})
    envelope.timestamp = std::chrono::system_clock::now();
  auto body = EncodeEnvelope(envelope, options.format);
  if (!body.ok()) return body.status();
  Outgoing message{.subject = std::string(topic),
                   .body = *std::move(body),
                   .message_id = std::move(envelope.event_id),
                   .headers = std::move(options.headers)};
  message.headers.reserve(message.headers.size() + 4);
  message.headers.emplace_back(header::kAggregateId, PercentEncode(envelope.aggregate_id));
  message.headers.emplace_back(header::kEventType, std::move(envelope.event_type));
  message.headers.emplace_back(header::kContentType, ContentType(options.format));
  if (!envelope.traceparent.empty())
    message.headers.emplace_back(header::kTraceparent, std::move(envelope.traceparent));
  return Send(topic, Storage::kFile, std::move(message), std::move(done));
}

// A topic that was published to was checked then.
absl::Status Publisher::Check(std::string_view topic, const PublishOptions& options) const {
  if (FindCounts(topic) == nullptr) {
    if (auto status = CheckTopic("publish to", topic, options_.base_stream_name); !status.ok()) return status;
  }
  return CheckOptions(options);
}

absl::Status Publisher::Send(std::string_view topic, Storage storage, Outgoing message, PublishCallback done) {
  if (auto status = CheckSize(topic, message); !status.ok()) return status;
  if (auto status = streams_.Ensure(topic, storage); !status.ok()) return status;
  auto counts = CountsOf(topic);
  const auto begun = std::chrono::steady_clock::now();
  auto counted = [done = std::move(done), counts = std::move(counts), latency = latency_, begun,
                  bytes = message.body.size()](absl::StatusOr<PubAck> ack) mutable {
    if (ack.ok()) {
      latency->Observe(std::chrono::steady_clock::now() - begun);
      counts->published.fetch_add(1, std::memory_order_relaxed);
      counts->bytes.fetch_add(bytes, std::memory_order_relaxed);
      if (ack->duplicate) counts->duplicates.fetch_add(1, std::memory_order_relaxed);
    } else {
      counts->failed.fetch_add(1, std::memory_order_relaxed);
    }
    if (done) done(std::move(ack));
  };
  return transport_.Publish(std::move(message), std::move(counted));
}

absl::Status Publisher::CheckSize(std::string_view topic, const Outgoing& message) const {
  const std::size_t size = SizeBytes(message);
  const std::size_t limit = transport_.max_payload_bytes();
  if (size <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "publish to %s: body and headers take %d bytes, the server's limit is %d; send less or raise max_payload",
      Quoted(topic), size, limit));
}

std::shared_ptr<Publisher::Counts> Publisher::FindCounts(std::string_view topic) const {
  MutexLock lock(mutex_);
  const auto found = counts_.find(topic);
  return found == counts_.end() ? nullptr : found->second;
}

std::shared_ptr<Publisher::Counts> Publisher::CountsOf(std::string_view topic) {
  if (auto found = FindCounts(topic); found != nullptr) return found;
  MutexLock lock(mutex_);
  return counts_.try_emplace(std::string(topic), std::make_shared<Counts>()).first->second;
}

std::vector<TopicPublishStats> Publisher::TopicStats() const {
  std::vector<TopicPublishStats> all;
  MutexLock lock(mutex_);
  for (const auto& [topic, counts] : counts_) {
    all.push_back({.topic = topic,
                   .published = counts->published.load(std::memory_order_relaxed),
                   .duplicates = counts->duplicates.load(std::memory_order_relaxed),
                   .failed = counts->failed.load(std::memory_order_relaxed),
                   .bytes = counts->bytes.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace penstock::eventbus
