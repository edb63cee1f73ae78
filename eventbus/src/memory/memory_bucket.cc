// SPDX-License-Identifier: Apache-2.0
#include "memory/memory_bucket.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "memory/memory_message.h"
#include "memory/memory_watch.h"
#include "naming/names.h"

namespace penstock::eventbus::memory {
namespace {

BucketOptions OptionsOf(const StreamSpec& stream) {
  return {.history = static_cast<std::uint32_t>(stream.max_messages_per_subject),
          .time_to_live = stream.max_age,
          .max_bytes = stream.max_bytes,
          .max_value_bytes = static_cast<std::int32_t>(stream.max_message_bytes),
          .storage = stream.storage == Storage::kFile ? BucketStorage::kFile : BucketStorage::kMemory,
          .replicas = stream.replicas};
}

absl::Status CheckLimit(const std::stop_token& closing, const CallLimit& limit) {
  if (closing.stop_requested()) return absl::FailedPreconditionError("the embedded bus is closed");
  if (limit.stop.stop_requested()) return absl::CancelledError("the caller is being stopped");
  if (std::chrono::steady_clock::now() < limit.deadline) return absl::OkStatus();
  return absl::DeadlineExceededError("the deadline has passed; nothing was done");
}

}  // namespace

absl::StatusOr<std::unique_ptr<BucketStream>> MemoryBucket::Open(std::shared_ptr<Broker> broker, const void* user,
                                                                 const BucketSpec& spec, std::stop_token closing,
                                                                 const CallLimit& limit) {
  const std::string what = absl::StrCat("open bucket ", Quoted(spec.name));
  if (absl::Status open = CheckLimit(closing, limit); !open.ok()) return Prefixed(what, open);
  if (spec.options.key_time_to_live_marker.count() > 0) {
    return absl::UnimplementedError(absl::StrCat(
        what, ": the embedded bus has no time to live of single keys; leave key_time_to_live_marker at 0"));
  }
  const StreamSpec wanted = BucketStreamSpec(spec);
  if (absl::StatusOr<StreamFacts> made = broker->EnsureStream(wanted); !made.ok()) return made.status();
  const std::optional<StreamSpec> present = broker->FindSpec(wanted.name);
  if (!present || present->subjects != wanted.subjects || present->max_messages_per_subject == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(what, ": stream \"", wanted.name, "\" is not a bucket's; use another bucket"));
  }
  BucketSpec settings{spec.name, OptionsOf(*present)};
  settings.options.reads = spec.options.reads;
  if (absl::Status fits = CheckBucketFits(spec, settings.options); !fits.ok()) return fits;
  return std::unique_ptr<BucketStream>(
      new MemoryBucket(std::move(broker), user, std::move(settings), std::move(closing)));
}

MemoryBucket::MemoryBucket(std::shared_ptr<Broker> broker, const void* user, BucketSpec spec, std::stop_token closing)
    : broker_(std::move(broker)),
      user_(user),
      spec_(std::move(spec)),
      stream_(BucketStreamName(spec_.name)),
      closing_(std::move(closing)) {}

absl::Status MemoryBucket::CheckCall(const CallLimit& limit) const { return CheckLimit(closing_, limit); }

absl::StatusOr<std::uint64_t> MemoryBucket::Store(OutboundMessage message, Resend /*resend*/, const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  message.headers = TakeHeaders(message);
  const std::size_t bytes = message.body.size() + HeaderBytes(message.headers);
  if (bytes > kMaxPayloadBytes) {
    return absl::ResourceExhaustedError(absl::StrCat(bytes, " bytes are over the embedded bus's limit of ",
                                                     kMaxPayloadBytes, "; keep large data elsewhere"));
  }
  const absl::StatusOr<PubAck> ack = broker_->Publish(message);
  if (!ack.ok()) return ack.status();
  return ack->sequence;
}

absl::StatusOr<std::unique_ptr<StoredMessage>> MemoryBucket::ReadLast(const std::string& subject, BucketReads /*how*/,
                                                                      const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  std::shared_ptr<const Record> record = broker_->ReadLast(stream_, subject);
  if (record != nullptr) return std::make_unique<MemoryMessage>(Taken{.record = std::move(record)});
  return absl::NotFoundError("read the last entry: there is none");
}

absl::StatusOr<std::unique_ptr<KeyValueWatch>> MemoryBucket::Watch(const std::string& filter, StreamWatchEvents events,
                                                                   const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  return MemoryWatch::Start(broker_, user_, stream_, filter, std::move(events), closing_);
}

}  // namespace penstock::eventbus::memory
