// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/message_api.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/message/header_block.h"
#include "naming/decimal.h"
#include "naming/timestamp.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

constexpr std::chrono::milliseconds kHasBudget(1000);

constexpr int kNoMessage = 404;

// A message as the API tells it: everything in strings of its own.
class ToldMessage final : public StoredMessage {
 public:
  ToldMessage(std::uint64_t sequence, std::string subject, std::string headers, std::string body,
              std::chrono::system_clock::time_point stored_at)
      : subject_text_(std::move(subject)), header_text_(std::move(headers)), body_(std::move(body)) {
    subject_ = subject_text_;
    payload_ = body_;
    stream_sequence_ = sequence;
    size_bytes_ = header_text_.size() + body_.size();
    stored_at_ = stored_at;
  }

  std::optional<std::string_view> Header(std::string_view name) const override {
    return FindHeader(header_text_, name);
  }
  Headers AllHeaders() const override { return CopyHeaders(header_text_); }
  std::unique_ptr<StoredMessage> Stub() const override {
    return std::make_unique<ToldMessage>(stream_sequence_, "", "", "", stored_at_);
  }

 private:
  const std::string subject_text_;
  const std::string header_text_;
  const std::string body_;
};

// Nothing when the member is there and no Base64.
std::optional<std::string> BytesMember(const Json& value, const char* name) {
  std::string bytes;
  if (!absl::Base64Unescape(StringMember(value, name), &bytes)) return std::nullopt;
  return bytes;
}

absl::StatusOr<std::unique_ptr<StoredMessage>> Get(ApiClient& api, const std::string& stream, const Json& request,
                                                   const std::string& what, const std::stop_token& stop) {
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.MSG.GET." + stream, request, kApiBudget, stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return StatusOfRefusal(what, *reply->error);
  return ReadStoredMessage(reply->body);
}

std::string About(const char* what, std::uint64_t sequence, const std::string& stream) {
  return absl::StrCat(what, sequence, " of stream \"", stream, "\"");
}

std::chrono::milliseconds Left(Deadline deadline) {
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()), std::chrono::milliseconds(1));
}

absl::StatusOr<bool> Finds(ApiClient& api, const std::string& stream, std::uint64_t sequence, Deadline deadline) {
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.MSG.GET." + stream, {{"seq", sequence}}, Left(deadline));
  if (!reply.ok()) return reply.status();
  if (reply->Refused(api_code::kNoMessageFound)) return false;
  if (reply->error) return ApiStatus(About("look up message ", sequence, stream), *reply->error);
  return true;
}

absl::Status NotYet(const std::string& stream, std::uint64_t sequence, std::uint64_t last) {
  return absl::UnavailableError(
      absl::StrCat(About("look up message ", sequence, stream), ": the server has the stream up to ", last));
}

}  // namespace

// JetStream that is switched off comes back; a stream that is not there, as a server that comes back may say, too.
absl::Status StatusOfRefusal(const std::string& what, const ApiError& error) {
  absl::Status status = ApiStatus(what, error);
  if (DurationOf(error) == RefusalDuration::kOutage) return absl::UnavailableError(status.message());
  return error.err_code == api_code::kStreamNotFound ? MarkedAsStreamMissing(std::move(status)) : status;
}

absl::StatusOr<std::unique_ptr<StoredMessage>> ReadStoredMessage(const Json& reply) {
  const Json& message = Member(reply, "message");
  const auto sequence = UintMember(message, "seq");
  auto headers = BytesMember(message, "hdrs");
  auto body = BytesMember(message, "data");
  const auto stored_at = ParseTimestamp(StringMember(message, "time"));
  if (!sequence || *sequence == 0 || !headers || !body || !stored_at) {
    return absl::InternalError("JetStream API: the reply does not describe a message");
  }
  return std::make_unique<ToldMessage>(*sequence, StringMember(message, "subject"), *std::move(headers),
                                       *std::move(body), *stored_at);
}

absl::StatusOr<std::unique_ptr<StoredMessage>> ReadDirectMessage(const ReceivedMessage& reply) {
  if (const std::optional<StatusMessage> status = ReadStatus(reply)) {
    const std::string text = absl::StrCat("direct get: ", status->code, " ", status->description);
    return status->code == kNoMessage ? absl::NotFoundError(text) : absl::InternalError(text);
  }
  const std::string_view headers = reply.raw_headers();
  const auto field = [headers](std::string_view name) { return FindHeader(headers, name).value_or(""); };
  const auto sequence = ParseDecimal<std::uint64_t>(field("Nats-Sequence"));
  const auto stored_at = ParseTimestamp(field("Nats-Time-Stamp"));
  if (!sequence || *sequence == 0 || !stored_at) {
    return absl::InternalError("direct get: the reply does not describe a message");
  }
  return std::make_unique<ToldMessage>(*sequence, std::string(field("Nats-Subject")), std::string(headers),
                                       std::string(reply.payload()), *stored_at);
}

absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessage(ApiClient& api, const std::string& stream,
                                                           const std::string& filter, std::uint64_t from_sequence) {
  const Json request = {{"seq", std::max<std::uint64_t>(from_sequence, 1)}, {"next_by_subj", filter}};
  return Get(api, stream, request, About("read from message ", from_sequence, stream), {});
}

absl::StatusOr<std::unique_ptr<StoredMessage>> ReadLastMessage(ApiClient& api, const std::string& stream,
                                                               const std::string& filter) {
  return Get(api, stream, {{"last_by_subj", filter}}, absl::StrCat("read the last message of stream \"", stream, "\""),
             {});
}

absl::StatusOr<std::unique_ptr<StoredMessage>> ReadMessageAt(ApiClient& api, const std::string& stream,
                                                             std::uint64_t sequence, const std::stop_token& stop) {
  return Get(api, stream, {{"seq", sequence}}, About("read message ", sequence, stream), stop);
}

// A server that has just become the leader of the stream may lack its end, and says of that that it is not found: only
// a leader that has more says that a message is gone.
absl::StatusOr<bool> HasMessage(ApiClient& api, const std::string& stream, std::uint64_t sequence) {
  const Deadline deadline = Clock::now() + kHasBudget;
  absl::StatusOr<bool> found = Finds(api, stream, sequence, deadline);
  if (!found.ok() || *found) return found;
  const absl::StatusOr<StreamIdentity> before = IdentifyStream(api, stream, {}, Left(deadline));
  if (!before.ok()) return before.status();
  if (sequence < before->first_sequence) return false;
  if (sequence > before->last_sequence) return NotYet(stream, sequence, before->last_sequence);
  found = Finds(api, stream, sequence, deadline);
  if (!found.ok() || *found) return found;
  const absl::StatusOr<StreamIdentity> after = IdentifyStream(api, stream, {}, Left(deadline));
  if (!after.ok()) return after.status();
  if (sequence > after->last_sequence) return NotYet(stream, sequence, after->last_sequence);
  if (before->leader == after->leader) return false;
  return absl::UnavailableError(About("look up message ", sequence, stream) + ": the stream's leader changes");
}

absl::Status DeleteMessage(ApiClient& api, const std::string& stream, std::uint64_t sequence) {
  const std::string what = About("delete message ", sequence, stream);
  if (sequence == 0) return absl::NotFoundError(absl::StrCat(what, ": sequences begin at 1"));
  const absl::StatusOr<ApiReply> reply =
      api.Call("STREAM.MSG.DELETE." + stream, {{"seq", sequence}, {"no_erase", true}}, kApiBudget);
  if (!reply.ok()) return reply.status();
  if (!reply->error) return absl::OkStatus();
  if (!reply->Refused(api_code::kMessageNotDeleted)) return StatusOfRefusal(what, *reply->error);
  // A server has the same error for a message that is gone and for one that must not be deleted.
  const absl::StatusOr<ApiReply> left = api.Call("STREAM.MSG.GET." + stream, {{"seq", sequence}}, kApiBudget);
  if (left.ok() && left->Refused(api_code::kNoMessageFound)) return StatusOfRefusal(what, *left->error);
  return StatusOfRefusal(what, *reply->error);
}

}  // namespace penstock::eventbus::jetstream
