// SPDX-License-Identifier: Apache-2.0
#include "bus/publish/envelope_publisher.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bus/publish/handler_fence.h"
#include "bus/publish/letter_room.h"
#include "naming/names.h"
#include "options/options_check.h"

namespace penstock::eventbus {
namespace {

void AddAggregateId(OutboundMessage& message, std::string_view id) {
  message.reserved_headers.push_back({header::kAggregateId, PercentEncode(id)});
  message.order_key = OrderKeyOf(message.reserved_headers.back().value);
}

// Whoever consumes it can tell that of a later owner from it.
void AddFence(OutboundMessage& message) {
  const std::uint64_t fence = HandlerFence::Current();
  if (fence == 0) return;
  const auto set = [](const auto& field) { return SameName(field.first, header::kFence); };
  if (std::ranges::any_of(message.headers, set)) return;
  message.reserved_headers.push_back({header::kFence, std::to_string(fence)});
}

}  // namespace

EnvelopePublisher::EnvelopePublisher(const BusOptions& options, Transport& transport, TopicStreams& streams)
    : options_(options), transport_(transport), streams_(streams) {}

absl::Status EnvelopePublisher::PublishBytes(std::string_view topic, std::string_view body, PublishOptions options,
                                             PublishCallback done) {
  auto to = Check(topic, options);
  if (!to.ok()) return to.status();
  if (IsDelayed(options)) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "publish to %s: options \"delay\" and \"deliver_at\" are for envelopes; use PublishEnvelope", Quoted(topic)));
  }
  std::string given_id = options.message_id;
  // A plain message needs an ID too, so that sending it again after a lost PubAck stores it once.
  OutboundMessage message{.subject = std::string(topic),
                          .body = std::string(body),
                          .message_id = options.message_id.empty() ? NewEventId() : std::move(options.message_id),
                          .headers = std::move(options.headers)};
  if (!options.key.empty()) AddAggregateId(message, options.key);
  return Send(*std::move(to), Storage::kMemory, std::move(message), std::move(given_id), std::move(done));
}

absl::Status EnvelopePublisher::PublishEnvelope(std::string_view topic, Envelope&& envelope, PublishOptions&& options,
                                                PublishCallback done) {
  auto to = Check(topic, options);
  if (!to.ok()) return to.status();
  std::string given_id = envelope.event_id;
  OutboundMessage message;
  if (auto status = Encode(topic, std::move(envelope), std::move(options), message); !status.ok()) return status;
  return Send(*std::move(to), Storage::kFile, std::move(message), std::move(given_id), std::move(done));
}

absl::StatusOr<OutboundMessage> EnvelopePublisher::Prepare(std::string_view topic, Envelope&& envelope,
                                                           PublishOptions&& options) const {
  if (auto to = Check(topic, options); !to.ok()) return to.status();
  OutboundMessage message;
  if (auto status = Encode(topic, std::move(envelope), std::move(options), message); !status.ok()) return status;
  AddFence(message);
  const auto limit = streams_.Ensure(topic, Storage::kFile, StreamAccess::kPublish);
  if (!limit.ok()) return limit.status();
  if (auto status = CheckSize(message, Storage::kFile, *limit); !status.ok()) return status;
  return message;
}

absl::Status EnvelopePublisher::Encode(std::string_view topic, Envelope&& envelope, PublishOptions&& options,
                                       OutboundMessage& message) {
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
  message.subject = topic;
  message.body = *std::move(body);
  message.message_id = std::move(envelope.event_id);
  message.headers = std::move(options.headers);
  AddAggregateId(message, envelope.aggregate_id);
  message.reserved_headers.push_back({header::kEventType, std::move(envelope.event_type)});
  message.reserved_headers.push_back({header::kContentType, std::string(ContentType(options.format))});
  if (!envelope.traceparent.empty())
    message.reserved_headers.push_back({header::kTraceparent, std::move(envelope.traceparent)});
  if (options.priority != 0) message.reserved_headers.push_back({header::kPriority, std::to_string(options.priority)});
  return absl::OkStatus();
}

// A topic that was published to was checked then.
absl::StatusOr<EnvelopePublisher::Destination> EnvelopePublisher::Check(std::string_view topic,
                                                                        const PublishOptions& options) const {
  Destination to{.topic = topic, .counts = FindCounts(topic)};
  if (to.counts == nullptr) {
    if (auto status = CheckTopic("publish to", topic, options_.base_stream_name); !status.ok()) return status;
  }
  if (auto status = CheckOptions(options); !status.ok()) return status;
  return to;
}

absl::Status EnvelopePublisher::Send(Destination to, Storage storage, OutboundMessage&& message, std::string given_id,
                                     PublishCallback done) {
  AddFence(message);
  const auto limit = streams_.Ensure(to.topic, storage, StreamAccess::kPublish);
  if (!limit.ok()) return limit.status();
  if (auto status = CheckSize(message, storage, *limit); !status.ok()) return status;
  if (to.counts == nullptr) to.counts = MakeCounts(to.topic);
  const auto begun = std::chrono::steady_clock::now();
  auto counted = [this, done = std::move(done), counts = std::move(to.counts), begun, id = std::move(given_id),
                  bytes = message.body.size()](absl::StatusOr<PubAck> ack) mutable {
    if (ack.ok()) {
      counts->latency->Observe(std::chrono::steady_clock::now() - begun);
      counts->bytes.Add(bytes);
    }
    Count(*counts, id, ack);
    if (done) done(std::move(ack));
  };
  return transport_.Publish(std::move(message), std::move(counted));
}

// No stream that was found, or a sequence below an earlier one: the stream may have been made anew. What was sent again
// looks the same, which costs a look.
void EnvelopePublisher::Count(Counts& counts, const std::string& message_id, const absl::StatusOr<PubAck>& ack) {
  if (!ack.ok()) {
    counts.failed.Add(1);
    if (absl::IsNotFound(ack.status())) streams_.LookAgain(counts.topic);
    return;
  }
  counts.published.Add(1);
  if (ack->duplicate) {
    counts.duplicates.Add(1);
    return WarnOfDuplicate(counts, message_id);
  }
  const std::uint64_t before = counts.last_sequence.exchange(ack->sequence, std::memory_order_relaxed);
  if (ack->sequence <= before) streams_.LookAgain(counts.topic);
}

// Transports do not count as a duplicate what they sent again themselves.
void EnvelopePublisher::WarnOfDuplicate(Counts& counts, const std::string& message_id) const {
  std::optional<std::uint64_t> left_out;
  {
    MutexLock lock(counts.mutex);
    left_out = counts.duplicate_warnings.Note(std::chrono::steady_clock::now());
  }
  if (!left_out || !options_.log) return;
  options_.log(LogLevel::kWarning,
               absl::StrFormat("publish to %s: ID %s was used before, within the duplicate window; what was published "
                               "now is not stored. Right for an event that is published again; another event needs "
                               "an ID of its own%s",
                               Quoted(counts.topic), Quoted(message_id), LeftOut(*left_out)));
}

// Plain messages have no dead letters.
absl::Status EnvelopePublisher::CheckSize(const OutboundMessage& message, Storage storage, std::size_t limit) const {
  const bool envelope = storage == Storage::kFile;
  const std::size_t size = SizeBytes(message);
  if (size + (envelope ? kMostLetterRoomBytes : 0) <= limit) return absl::OkStatus();
  const std::size_t room = envelope ? LetterRoomBytes(message, options_.base_stream_name) : 0;
  if (size + room <= limit) return absl::OkStatus();
  const bool of_server = limit == transport_.max_payload_bytes();
  const std::string what =
      absl::StrFormat("publish to %s: body and headers take %d bytes, the limit is %d (%s)", Quoted(message.subject),
                      size, limit, of_server ? "max_payload of the server" : "max_msg_size of its stream");
  const std::string kept =
      absl::StrFormat(", of which %d are kept free for the headers of a dead letter and of its redrive", room);
  const std::string remedy =
      room < limit ? absl::StrFormat("send at most %d or raise the limit", limit - room) : "raise the limit";
  return absl::InvalidArgumentError(absl::StrCat(what, envelope ? kept : "", "; ", remedy));
}

std::shared_ptr<EnvelopePublisher::Counts> EnvelopePublisher::FindCounts(std::string_view topic) const {
  MutexLock lock(mutex_);
  const auto found = counts_.find(topic);
  return found == counts_.end() ? nullptr : found->second;
}

// The one there is, when another thread was faster.
std::shared_ptr<EnvelopePublisher::Counts> EnvelopePublisher::MakeCounts(std::string_view topic) {
  auto counts = std::make_shared<Counts>();
  counts->topic = topic;
  counts->latency = latency_;
  MutexLock lock(mutex_);
  return counts_.try_emplace(std::string(topic), std::move(counts)).first->second;
}

std::vector<TopicPublishStats> EnvelopePublisher::TopicStats() const {
  std::vector<TopicPublishStats> all;
  MutexLock lock(mutex_);
  for (const auto& [topic, counts] : counts_) {
    all.push_back({.topic = topic,
                   .published = counts->published.value(),
                   .duplicates = counts->duplicates.value(),
                   .failed = counts->failed.value(),
                   .bytes = counts->bytes.value()});
  }
  return all;
}

actorpool::LatencySnapshot EnvelopePublisher::Latency() const {
  actorpool::LatencySnapshot snapshot;
  latency_->AddTo(snapshot);
  return snapshot;
}

}  // namespace penstock::eventbus
