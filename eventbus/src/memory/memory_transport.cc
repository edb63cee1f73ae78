// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_transport.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bucket/stream_bucket.h"
#include "memory/broker_consumer.h"
#include "memory/memory_bucket.h"
#include "transport/connect.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace memory {
namespace {

class EmbeddedConsumer final : public Consumer {
 public:
  EmbeddedConsumer(MemoryTransport& transport, Broker& broker, std::shared_ptr<BrokerSubscriber> subscriber)
      : transport_(transport), broker_(broker), subscriber_(std::move(subscriber)) {}
  ~EmbeddedConsumer() override { Stop(); }

  void AddCredit(std::size_t count) override { broker_.AddCredit(*subscriber_, count); }

  using Consumer::Acknowledge;
  absl::Status Acknowledge(std::span<const Acknowledgement> deliveries) override {
    if (subscriber_->spec.kind == ConsumerKind::kAtMostOnce) {
      return absl::FailedPreconditionError("acknowledge: at-most-once messages are settled by being delivered");
    }
    if (!transport_.connected()) return absl::UnavailableError("acknowledge: the embedded bus is closed");
    for (const Acknowledgement& each : deliveries) {
      broker_.Acknowledge(*subscriber_, each.message->stream_sequence(), each.type);
    }
    return absl::OkStatus();
  }

  void SetWindow(std::size_t max_in_flight) override { broker_.SetWindow(*subscriber_, max_in_flight); }

  bool MayHandle(std::chrono::steady_clock::time_point) const override {
    return subscriber_->spec.kind != ConsumerKind::kExclusive || subscriber_->owns.load(std::memory_order_relaxed);
  }

  void StopArrivals() override { broker_.QuietSubscriber(*subscriber_); }

  void Stop() override { broker_.StopSubscriber(*subscriber_); }

  ConsumerStats Stats() const override {
    return {.active = broker_.IsActive(*subscriber_), .standing_by = broker_.IsStandingBy(*subscriber_)};
  }

 private:
  MemoryTransport& transport_;
  Broker& broker_;
  const std::shared_ptr<BrokerSubscriber> subscriber_;
};

// The broker of that name, which is there for as long as somebody uses it; without a name one of the user's own.
std::shared_ptr<Broker> JoinBroker(std::string_view name, const void* user) {
  // Never destroyed: buses that are static objects may outlive them otherwise.
  static Mutex& mutex = *new Mutex;
  static auto& named = *new std::map<std::string, std::weak_ptr<Broker>, std::less<>>;
  const MutexLock lock(mutex);
  std::erase_if(named, [](const auto& entry) { return entry.second.expired(); });
  const auto found = named.find(name);
  std::shared_ptr<Broker> broker = found == named.end() ? nullptr : found->second.lock();
  if (broker != nullptr && broker->Enter(user)) return broker;
  broker = std::make_shared<Broker>();
  broker->Enter(user);
  if (!name.empty()) named.insert_or_assign(std::string(name), broker);
  return broker;
}

absl::Status Closed(std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(std::string(what), ": the embedded bus is closed"));
}

}  // namespace

MemoryTransport::MemoryTransport(std::string_view broker_name) : broker_(JoinBroker(broker_name, this)) {}

MemoryTransport::~MemoryTransport() { Close(); }

absl::StatusOr<StreamFacts> MemoryTransport::EnsureStream(const StreamSpec& spec) {
  if (!connected()) return Closed(absl::StrCat("make stream \"", spec.name, "\""));
  if (spec.forgotten_when_unused) NoteSpec(spec);
  return broker_->EnsureStream(spec);
}

void MemoryTransport::NoteSpec(const StreamSpec& spec) {
  MutexLock lock(mutex_);
  for (const std::string& subject : spec.subjects) specs_.try_emplace(subject, spec);
}

// The broker forgets a stream that is empty, without telling.
absl::StatusOr<PubAck> MemoryTransport::Store(OutboundMessage message) {
  absl::StatusOr<PubAck> ack = broker_->Publish(message);
  if (!absl::IsNotFound(ack.status())) return ack;
  StreamSpec spec;
  {
    MutexLock lock(mutex_);
    const auto known = specs_.find(message.subject);
    if (known == specs_.end()) return ack;
    spec = known->second;
  }
  if (const auto made = broker_->EnsureStream(spec); !made.ok()) return made.status();
  return broker_->Publish(message);
}

absl::StatusOr<StreamFacts> MemoryTransport::FindStream(const std::string& name) {
  const std::string what = absl::StrCat("look up stream \"", name, "\"");
  if (!connected()) return Closed(what);
  std::optional<StreamFacts> facts = broker_->FindStream(name);
  if (!facts) return MarkedAsStreamMissing(absl::NotFoundError(what + ": there is none"));
  return *std::move(facts);
}

absl::StatusOr<std::vector<std::string>> MemoryTransport::ListStreams(const std::string& pattern) {
  if (!connected()) return Closed(absl::StrCat("list the streams of \"", pattern, "\""));
  return broker_->ListStreams(pattern);
}

absl::StatusOr<std::unique_ptr<Consumer>> MemoryTransport::OpenConsumer(const ConsumerSpec& spec,
                                                                        ConsumerEvents events) {
  absl::StatusOr<std::shared_ptr<BrokerSubscriber>> subscriber = broker_->OpenConsumer(this, spec, std::move(events));
  if (!subscriber.ok()) return subscriber.status();
  return std::make_unique<EmbeddedConsumer>(*this, *broker_, *std::move(subscriber));
}

absl::Status MemoryTransport::Publish(OutboundMessage message, PublishDone done) {
  if (!connected()) return Closed(absl::StrCat("publish to \"", message.subject, "\""));
  message.headers = TakeHeaders(message);
  const std::size_t bytes = message.body.size() + HeaderBytes(message.headers, message.message_id);
  if (bytes > max_payload_bytes()) {
    return absl::InvalidArgumentError(absl::StrCat("publish to \"", message.subject, "\": body and headers have ",
                                                   bytes, " bytes, the limit is ", max_payload_bytes(),
                                                   "; keep large data elsewhere and send a reference"));
  }
  done(Store(std::move(message)));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StoredMessage>> MemoryTransport::ReadMessage(const std::string& stream,
                                                                            const std::string& filter,
                                                                            std::uint64_t from_sequence) {
  if (!connected()) return Closed(absl::StrCat("read from stream \"", stream, "\""));
  std::shared_ptr<const Record> record = broker_->Read(stream, filter, from_sequence);
  if (record != nullptr) {
    return std::make_unique<MemoryMessage>(Taken{.record = std::move(record), .delivery_count = 1, .pending = 0});
  }
  return absl::NotFoundError(absl::StrCat("read from message ", from_sequence, " of stream \"", stream,
                                          "\": no message of that subject from there on"));
}

absl::StatusOr<StreamContents> MemoryTransport::ReadHeaders(const std::string& stream, const std::string& filter,
                                                            std::uint64_t from_sequence, const HeaderReader& reader) {
  const absl::StatusOr<StreamContents> contents = LookAtContents(stream);
  if (!contents.ok()) return contents;
  const std::vector<std::shared_ptr<const Record>> records = broker_->ReadAll(stream, filter, from_sequence);
  reader.begin(records.size());
  std::uint64_t pending = records.size();
  for (const auto& record : records) {
    if (!reader.message(MemoryMessage({.record = record, .delivery_count = 1, .pending = --pending}))) break;
  }
  return contents;
}

absl::StatusOr<StreamContents> MemoryTransport::LookAtContents(const std::string& stream) {
  if (!connected()) return Closed(absl::StrCat("look at stream \"", stream, "\""));
  std::optional<StreamContents> contents = broker_->Contents(stream);
  if (!contents) return absl::NotFoundError(absl::StrCat("look at stream \"", stream, "\": there is none"));
  return *std::move(contents);
}

absl::StatusOr<bool> MemoryTransport::HasMessage(const std::string& stream, std::uint64_t sequence) {
  if (!connected()) return Closed(absl::StrCat("look up in stream \"", stream, "\""));
  const std::string what = absl::StrCat("look up message ", sequence, " of stream \"", stream, "\": ");
  const std::optional<StreamContents> contents = broker_->Contents(stream);
  if (!contents) return absl::NotFoundError(what + "there is no such stream");
  if (sequence > contents->last_sequence) {
    return absl::UnavailableError(absl::StrCat(what, "it has ", contents->last_sequence, " so far"));
  }
  const std::shared_ptr<const Record> record = broker_->Read(stream, ">", sequence);
  return record != nullptr && record->sequence == sequence;
}

absl::Status MemoryTransport::DeleteMessage(const std::string& stream, std::uint64_t sequence) {
  if (!connected()) return absl::CancelledError("delete a message: the embedded bus is closed");
  if (broker_->Delete(stream, sequence)) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("delete message ", sequence, " of stream \"", stream, "\": the stream does not have it"));
}

ConnectionStats MemoryTransport::Stats() const {
  return {.connected = connected(), .reconnects = 0, .publishes_pending = 0, .publish_retries = 0};
}

absl::Status MemoryTransport::Flush(std::chrono::milliseconds) {
  return connected() ? absl::OkStatus() : Closed("flush");
}

absl::StatusOr<std::unique_ptr<KeyValueStore>> MemoryTransport::OpenBucket(const BucketSpec& spec,
                                                                           const CallLimit& limit) {
  if (absl::Status checked = CheckBucketSpec(spec); !checked.ok()) return checked;
  if (!connected()) return Closed(absl::StrCat("open bucket \"", spec.name, "\""));
  absl::StatusOr<std::unique_ptr<BucketStream>> stream =
      MemoryBucket::Open(broker_, this, spec, closing_.get_token(), limit);
  if (!stream.ok()) return stream.status();
  return std::make_unique<StreamBucket>(*std::move(stream));
}

void MemoryTransport::Close() {
  closing_.request_stop();
  if (!closed_.exchange(true, std::memory_order_relaxed)) broker_->Leave(this);
}

}  // namespace memory

// `BusOptions::Validate` has checked the URL.
absl::StatusOr<std::unique_ptr<Transport>> ConnectMemory(const BusOptions& options) {
  constexpr std::string_view kScheme = "memory://";
  return std::make_unique<memory::MemoryTransport>(std::string_view(options.url).substr(kScheme.size()));
}

}  // namespace penstock::eventbus
