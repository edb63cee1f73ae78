// SPDX-License-Identifier: Apache-2.0
#include "jetstream/api/stream_reading.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "jetstream/api/consumer_api.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/reading_check.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/connection/inbox.h"
#include "jetstream/message/ack_subject.h"
#include "jetstream/message/received_message.h"
#include "jetstream/protocol/unique_name.h"
#include "naming/subject.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::uint64_t kBatch = 1000;
constexpr int kMostReadings = 5;
constexpr std::size_t kMostSubjectsTold = 100'000;  // in one reply (nats-server: JSMaxSubjectDetails)
constexpr std::chrono::milliseconds kPause(200);
constexpr std::chrono::nanoseconds kRequestExpires = std::chrono::seconds(2);
constexpr std::chrono::milliseconds kSilence(3000);
constexpr std::chrono::nanoseconds kInactiveThreshold = std::chrono::minutes(1);

// A work queue has one consumer, which acknowledges: the subscription that it was made for.
bool IsOfWorkQueue(const ApiError& error) {
  constexpr std::array kCodes = {10084, 10098, 10099, 10100, 10101};
  return std::ranges::find(kCodes, error.err_code) != kCodes.end();
}

/// A message that was asked for by itself, and how many there are behind it.
class CountedMessage final : public StoredMessage {
 public:
  CountedMessage(std::unique_ptr<StoredMessage> message, std::uint64_t behind) : message_(std::move(message)) {
    CopyNumbers(*message_);
    pending_ = behind;
    subject_ = message_->subject();
    payload_ = message_->payload();
    size_bytes_ = message_->size_bytes();
  }
  std::optional<std::string_view> Header(std::string_view name) const override { return message_->Header(name); }
  Headers AllHeaders() const override { return message_->AllHeaders(); }
  std::unique_ptr<StoredMessage> Stub() const override { return message_->Stub(); }

 private:
  const std::unique_ptr<StoredMessage> message_;
};

struct Look {
  StreamContents contents{};
  std::uint64_t matching = 0;
};

std::uint64_t SumOf(const Json& counts) {
  std::uint64_t sum = 0;
  if (!counts.is_object()) return sum;
  for (const auto& [subject, count] : counts.items())
    sum += count.is_number_unsigned() ? count.get<std::uint64_t>() : 0;
  return sum;
}

absl::StatusOr<Look> LookAt(ApiClient& api, const std::string& stream, const std::string& filter) {
  const Json request = filter.empty() ? Json() : Json{{"subjects_filter", filter}};
  const absl::StatusOr<ApiReply> reply = api.Call("STREAM.INFO." + stream, request, kApiBudget);
  if (!reply.ok()) return reply.status();
  if (reply->error) return StatusOfRefusal(absl::StrCat("look at stream \"", stream, "\""), *reply->error);
  const Json& state = Member(reply->body, "state");
  const auto last = UintMember(state, "last_seq"), messages = UintMember(state, "messages");
  if (!last || !messages) return absl::InternalError("JetStream API: the reply does not describe a stream");
  const Json& subjects = Member(state, "subjects");
  const bool all = subjects.size() < kMostSubjectsTold;
  return Look{
      .contents = {.created = StringMember(reply->body, "created"), .last_sequence = *last, .messages = *messages},
      .matching = all ? SumOf(subjects) : *messages};
}

/// One reading, from the leader's word to the last message. `kAborted` when it has to begin anew.
class StreamReading {
 public:
  enum class LastMessage { kRequired, kIfFound };

  StreamReading(Connection& connection, ApiClient& api, const ReadingRange& range, const HeaderReader& reader,
                LastMessage last)
      : connection_(connection), api_(api), range_(range), reader_(reader), last_(last) {}
  ~StreamReading() { EndConsumer(); }
  StreamReading(const StreamReading&) = delete;
  StreamReading& operator=(const StreamReading&) = delete;

  absl::StatusOr<StreamContents> Run() {
    const absl::StatusOr<Look> look = LookAt(api_, range_.stream, range_.filter);
    if (!look.ok()) return look.status();
    reader_.begin(look->matching);
    if (look->matching == 0) return look->contents;
    const absl::StatusOr<std::uint64_t> last = LastMatching();
    if (!last.ok()) return last.status();
    if (*last > 0 && *last < range_.from_sequence) return look->contents;
    if (absl::Status begun = MakeConsumer(); !begun.ok()) return begun;
    if (of_work_queue_) return ReadOneByOne(look->contents);
    ReadingCheck check({.matching = look->matching, .last = look->contents.last_sequence, .last_matching = *last});
    const absl::StatusOr<End> end = Follow(check);
    if (!end.ok()) return end.status();
    if (*end == End::kNothingLeft && !check.complete()) return absl::AbortedError("its consumer is behind the stream");
    return look->contents;
  }

 private:
  enum class End { kNothingLeft, kEnough };

  std::string About(const char* what) const { return absl::StrCat(what, " stream \"", range_.stream, "\""); }

  // 0: not known. nats-server 2.9 does not find the last message of a pattern once one was removed.
  absl::StatusOr<std::uint64_t> LastMatching() {
    if (HasWildcard(range_.filter)) return 0;
    const absl::StatusOr<std::unique_ptr<StoredMessage>> last = ReadLastMessage(api_, range_.stream, range_.filter);
    if (last.ok()) return (*last)->stream_sequence();
    if (!absl::IsNotFound(last.status()) || IsStreamMissing(last.status())) return last.status();
    if (last_ == LastMessage::kIfFound) return 0;
    return absl::AbortedError("its last message was removed meanwhile");
  }

  absl::Status MakeConsumer() {
    link_ = connection_.AwaitLink(DeadlineAfter(kApiBudget));
    if (link_ == nullptr) return absl::UnavailableError(absl::StrCat(About("read"), ": not connected"));
    inbox_subject_ = connection_.NewInbox();
    absl::StatusOr<std::shared_ptr<Inbox>> inbox =
        Inbox::Open(link_, inbox_subject_, Inbox::Use::kAnswers, [this](MessageHandle message, bool more) {
          MutexLock lock(mutex_);
          arrived_.push_back(std::move(message));
          if (!more) changed_.NotifyAll();
        });
    if (!inbox.ok()) return absl::AbortedError(inbox.status().message());
    inbox_ = *std::move(inbox);
    inbox_->Release();
    consumer_ = UniqueName();
    const absl::StatusOr<ApiReply> reply = MakeEphemeral(api_, range_.stream, ConsumerConfig(), kApiBudget);
    if (!reply.ok()) return reply.status();
    of_work_queue_ = reply->error && IsOfWorkQueue(*reply->error);
    if (of_work_queue_ || !reply->error) return absl::OkStatus();
    return StatusOfRefusal(About("make a consumer to read"), *reply->error);
  }

  // With a request for each, bodies included.
  absl::StatusOr<StreamContents> ReadOneByOne(const StreamContents& contents) {
    std::vector<std::unique_ptr<StoredMessage>> messages;
    std::uint64_t from = std::max<std::uint64_t>(range_.from_sequence, 1);
    while (true) {
      absl::StatusOr<std::unique_ptr<StoredMessage>> next = ReadMessage(api_, range_.stream, range_.filter, from);
      if (absl::IsNotFound(next.status()) && !IsStreamMissing(next.status())) break;
      if (!next.ok()) return next.status();
      from = (*next)->stream_sequence() + 1;
      messages.push_back(*std::move(next));
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (!reader_.message(CountedMessage(std::move(messages[i]), messages.size() - i - 1))) break;
    }
    return contents;
  }

  Json ConsumerConfig() const {
    return {{"name", consumer_},
            {"filter_subject", range_.filter},
            {"headers_only", true},
            {"ack_policy", "none"},
            {"replay_policy", "instant"},
            {"max_deliver", -1},
            {"mem_storage", true},
            {"num_replicas", 1},
            {"inactive_threshold", kInactiveThreshold.count()},
            {"deliver_policy", "by_start_sequence"},
            {"opt_start_seq", std::max<std::uint64_t>(range_.from_sequence, 1)}};
  }

  absl::StatusOr<End> Follow(ReadingCheck& check) {
    while (link_->usable() && TopUp().ok()) {
      std::vector<MessageHandle> messages = AwaitMessages();
      if (messages.empty()) break;
      for (MessageHandle& message : messages) {
        const absl::StatusOr<std::optional<End>> end = Take(*message, check);
        if (!end.ok()) return end.status();
        if (*end) return **end;
      }
    }
    return absl::AbortedError("its consumer does not answer");
  }

  absl::StatusOr<std::optional<End>> Take(ReceivedMessage& message, ReadingCheck& check) {
    const std::optional<AckSubject> delivery = ParseAckSubject(message.reply());
    if (!delivery) return TakeStatus(message);
    if (delivery->consumer_sequence != ++delivered_) return absl::AbortedError("a delivery is missing");
    if (outstanding_ > 0) --outstanding_;
    const bool last = delivery->pending == 0;
    message.SetDelivery(*delivery, 0);
    check.Read(message.stream_sequence());
    if (!reader_.message(message)) return End::kEnough;
    return last ? std::optional(End::kNothingLeft) : std::nullopt;
  }

  // Where the last message was removed meanwhile, none says that it is the last: the requests expire.
  static absl::StatusOr<std::optional<End>> TakeStatus(const ReceivedMessage& message) {
    constexpr int kExpired = 408;
    const std::optional<StatusMessage> status = ReadStatus(message);
    if (!status) return std::nullopt;
    if (status->code == kExpired) return End::kNothingLeft;
    return absl::AbortedError(absl::StrCat(status->code, " ", status->description));
  }

  // Two requests at a time, so that the server always has one.
  absl::Status TopUp() {
    while (outstanding_ <= kBatch) {
      const std::string subject =
          connection_.api_subjects().For(absl::StrCat("CONSUMER.MSG.NEXT.", range_.stream, ".", consumer_));
      const std::string body = absl::StrCat("{\"batch\":", kBatch, ",\"expires\":", kRequestExpires.count(), "}");
      absl::Status sent = link_->Publish({.subject = subject, .body = body, .reply = inbox_subject_});
      if (!sent.ok()) return sent;
      outstanding_ += kBatch;
      link_->loop().WriteSoon();
    }
    return absl::OkStatus();
  }

  std::vector<MessageHandle> AwaitMessages() {
    const auto deadline = DeadlineAfter(kSilence);
    MutexLock lock(mutex_);
    while (arrived_.empty() && changed_.WaitUntil(lock, deadline)) {
    }
    return std::exchange(arrived_, {});
  }

  // The consumer is left to the server's own clearing-up when it cannot be told.
  void EndConsumer() {
    if (inbox_ == nullptr) return;
    inbox_->Close();
    const std::string subject =
        connection_.api_subjects().For(absl::StrCat("CONSUMER.DELETE.", range_.stream, ".", consumer_));
    if (link_->Publish({.subject = subject}).ok()) link_->loop().WriteSoon();
  }

  Connection& connection_;
  ApiClient& api_;
  const ReadingRange& range_;
  const HeaderReader& reader_;
  const LastMessage last_;
  std::shared_ptr<Link> link_{};
  std::shared_ptr<Inbox> inbox_{};
  std::string inbox_subject_{};
  std::string consumer_{};
  bool of_work_queue_ = false;
  std::uint64_t outstanding_ = 0;  // of the requests sent, messages that have not come
  std::uint64_t delivered_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::vector<MessageHandle> arrived_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::StatusOr<StreamContents> ReadHeaders(Connection& connection, ApiClient& api, const ReadingRange& range,
                                           const HeaderReader& reader) {
  for (int readings = 1;; ++readings) {
    const bool once_more = readings < kMostReadings;
    const auto last = once_more ? StreamReading::LastMessage::kRequired : StreamReading::LastMessage::kIfFound;
    absl::StatusOr<StreamContents> read = StreamReading(connection, api, range, reader, last).Run();
    if (!absl::IsAborted(read.status())) return read;
    if (!once_more || !connection.Pause(kPause)) {
      return absl::UnavailableError(absl::StrCat("read stream \"", range.stream, "\": ", read.status().message()));
    }
  }
}

absl::StatusOr<StreamContents> LookAtContents(ApiClient& api, const std::string& stream) {
  absl::StatusOr<Look> look = LookAt(api, stream, "");
  if (!look.ok()) return look.status();
  return std::move(look->contents);
}

}  // namespace penstock::eventbus::jetstream
