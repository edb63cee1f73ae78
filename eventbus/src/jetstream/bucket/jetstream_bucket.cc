// SPDX-License-Identifier: Apache-2.0
#include "jetstream/bucket/jetstream_bucket.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bucket/bucket_layout.h"
#include "jetstream/api/api_error.h"
#include "jetstream/api/message_api.h"
#include "jetstream/bucket/bucket_config.h"
#include "jetstream/bucket/jetstream_watch.h"
#include "jetstream/bucket/time_left.h"
#include "jetstream/protocol/unique_name.h"
#include "jetstream/publish/pub_ack.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = Connection::Clock;

// Of a write that may be sent again: then the next attempt begins.
constexpr std::chrono::milliseconds kLongestAttempt(1000);
constexpr std::chrono::milliseconds kPause(100);
// How late a wait for a connection notices that it is to stop.
constexpr std::chrono::milliseconds kStopCheck(50);

absl::Status StatusOfLastEntry(const ApiError& error) {
  absl::Status status = ApiStatus("read the last entry", error);
  return error.err_code == api_code::kStreamNotFound ? MarkedAsStreamMissing(std::move(status)) : status;
}

absl::Status Closed() { return absl::FailedPreconditionError("the bus is closed"); }

}  // namespace

absl::StatusOr<std::unique_ptr<BucketStream>> JetStreamBucket::Open(std::shared_ptr<Connection> connection,
                                                                    const BucketSpec& spec, LogSink log,
                                                                    std::stop_token closing, const CallLimit& limit) {
  ApiClient api(*connection);
  absl::StatusOr<BucketSpec> present = EnsureBucket(api, spec, limit);
  if (!present.ok()) return present.status();
  return std::unique_ptr<BucketStream>(
      new JetStreamBucket(std::move(connection), *std::move(present), std::move(log), std::move(closing)));
}

JetStreamBucket::JetStreamBucket(std::shared_ptr<Connection> connection, BucketSpec spec, LogSink log,
                                 std::stop_token closing)
    : connection_(std::move(connection)),
      api_(*connection_, ApiClient::kSoon),
      spec_(std::move(spec)),
      stream_(BucketStreamName(spec_.name)),
      log_(std::move(log)),
      closing_(std::move(closing)) {}

absl::Status JetStreamBucket::CheckCall(const CallLimit& limit) const {
  if (closing_.stop_requested()) return Closed();
  if (limit.stop.stop_requested()) return absl::CancelledError("the caller is being stopped");
  if (Clock::now() < limit.deadline) return absl::OkStatus();
  return absl::DeadlineExceededError("the deadline has passed; nothing was sent");
}

absl::StatusOr<std::shared_ptr<Link>> JetStreamBucket::AwaitLink(const CallLimit& limit) const {
  while (true) {
    if (closing_.stop_requested()) return Closed();
    if (limit.stop.stop_requested()) return absl::CancelledError("the caller is being stopped; nothing was sent");
    std::shared_ptr<Link> link = connection_->AwaitLink(std::min(limit.deadline, Clock::now() + kStopCheck));
    if (link != nullptr) return link;
    if (Clock::now() >= limit.deadline) {
      return absl::UnavailableError(
          absl::StrCat("not connected to ", connection_->redacted_url(), ", nothing was sent; it is being tried"));
    }
  }
}

absl::StatusOr<std::uint64_t> JetStreamBucket::Store(OutboundMessage message, Resend resend, const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  message.message_id = UniqueName();
  message.subject = connection_->api_subjects().ForBucketWrite(message.subject);
  const absl::StatusOr<EncodedPublish> encoded = EncodedPublish::Encode(message, "");
  if (!encoded.ok()) return encoded.status();
  if (resend == Resend::kNever) return StoreOnce(*encoded, limit).result;
  while (true) {
    const Clock::time_point until = std::min(limit.deadline, Clock::now() + kLongestAttempt);
    Attempt attempt = StoreOnce(*encoded, {until, limit.stop});
    if (!attempt.may_heal || Clock::now() + 2 * kPause >= limit.deadline) return std::move(attempt.result);
    if (limit.stop.stop_requested() || !connection_->Pause(kPause)) return std::move(attempt.result);
  }
}

JetStreamBucket::Attempt JetStreamBucket::StoreOnce(const EncodedPublish& message, const CallLimit& limit) {
  const absl::StatusOr<std::shared_ptr<Link>> link = AwaitLink(limit);
  if (!link.ok()) return {link.status(), absl::IsUnavailable(link.status())};
  const absl::StatusOr<MessageHandle> reply = (*link)->Request(message.publication(), limit.deadline, limit.stop);
  if (reply.ok()) return ReadAck((*reply)->payload());
  const absl::Status& why = reply.status();
  if (absl::IsInvalidArgument(why)) return {absl::ResourceExhaustedError(why.message())};
  return {why, absl::IsUnavailable(why) || absl::IsDeadlineExceeded(why)};
}

JetStreamBucket::Attempt JetStreamBucket::ReadAck(std::string_view reply) const {
  const PublishReply read = ReadPublishReply(reply);
  if (read.kind == PublishReply::Kind::kStored) return {read.ack.sequence};
  if (read.kind == PublishReply::Kind::kUnclear) {
    return {absl::UnavailableError("the answer proves no storage; read the key"), true};
  }
  absl::Status why = ApiStatus("the server refuses it", read.error);
  const bool too_large = read.error.err_code == api_code::kMessageTooLarge;
  if (too_large) why = absl::ResourceExhaustedError(why.message());
  return {why, IsTransient(read.error)};
}

absl::StatusOr<std::unique_ptr<StoredMessage>> JetStreamBucket::ReadLast(const std::string& subject, BucketReads how,
                                                                         const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  return how == BucketReads::kAnyReplica ? ReadFromReplica(subject, limit) : ReadFromLeader(subject, limit);
}

absl::StatusOr<std::unique_ptr<StoredMessage>> JetStreamBucket::ReadFromLeader(const std::string& subject,
                                                                               const CallLimit& limit) {
  const absl::StatusOr<ApiReply> reply =
      api_.Call("STREAM.MSG.GET." + stream_, {{"last_by_subj", subject}}, TimeLeft(limit), limit.stop);
  if (closing_.stop_requested() && !reply.ok()) return Closed();
  if (!reply.ok()) return reply.status();
  if (reply->error) return StatusOfLastEntry(*reply->error);
  return ReadStoredMessage(reply->body);
}

// Without direct gets, or with an answer that is none, the leader is asked.
absl::StatusOr<std::unique_ptr<StoredMessage>> JetStreamBucket::ReadFromReplica(const std::string& subject,
                                                                                const CallLimit& limit) {
  const absl::StatusOr<std::shared_ptr<Link>> link = AwaitLink(limit);
  if (!link.ok()) return link.status();
  const Clock::time_point until = std::min(limit.deadline, Clock::now() + kLongestAttempt);
  const absl::StatusOr<MessageHandle> reply = (*link)->Request(
      connection_->api_subjects().For(absl::StrCat("DIRECT.GET.", stream_, ".", subject)), "", until, limit.stop);
  if (!reply.ok()) return ReadFromLeader(subject, limit);
  absl::StatusOr<std::unique_ptr<StoredMessage>> message = ReadDirectMessage(**reply);
  return message.ok() || absl::IsNotFound(message.status()) ? std::move(message) : ReadFromLeader(subject, limit);
}

absl::StatusOr<std::unique_ptr<KeyValueWatch>> JetStreamBucket::Watch(const std::string& filter,
                                                                      StreamWatchEvents events,
                                                                      const CallLimit& limit) {
  if (absl::Status open = CheckCall(limit); !open.ok()) return open;
  const absl::StatusOr<std::shared_ptr<Link>> link = AwaitLink(limit);
  if (!link.ok()) return link.status();
  return JetStreamWatch::Start({connection_, stream_, filter, std::move(events), log_, closing_}, *link, limit);
}

}  // namespace penstock::eventbus::jetstream
