// SPDX-License-Identifier: Apache-2.0
#include "jetstream/bucket/jetstream_watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/api/api_error.h"
#include "jetstream/api/consumer_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/bucket/time_left.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/message/ack_subject.h"
#include "jetstream/protocol/unique_name.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kRequestExpires(30'000);
constexpr std::chrono::milliseconds kHeartbeat(2000);
// While the initial values are awaited: a request that ends without them is the sign that some are gone.
constexpr std::chrono::milliseconds kFirstRequestExpires(2000);
constexpr std::chrono::milliseconds kFirstHeartbeat(500);
constexpr std::chrono::milliseconds kFirstBackoff(100);
constexpr std::chrono::milliseconds kLongestBackoff(5000);
constexpr std::chrono::milliseconds kBeginBudget(10'000);

}  // namespace

absl::StatusOr<std::unique_ptr<KeyValueWatch>> JetStreamWatch::Start(Plan plan, std::shared_ptr<Link> link,
                                                                     const CallLimit& limit) {
  std::unique_ptr<JetStreamWatch> watch(new JetStreamWatch(std::move(plan)));
  if (absl::Status begun = watch->Begin(std::move(link), limit); !begun.ok()) return begun;
  watch->thread_.Start([raw = watch.get()](const std::stop_token& stop) { raw->Run(stop); });
  return watch;
}

JetStreamWatch::JetStreamWatch(Plan plan)
    : plan_(std::move(plan)), api_(*plan_.connection, ApiClient::kSoon), cursor_(plan_.events.begins) {
  plan_.connection->Observe(*this);
}

JetStreamWatch::~JetStreamWatch() {
  Stop();
  plan_.connection->Leave(*this);
  EndConsumer();
}

void JetStreamWatch::Stop() { thread_.Stop(); }

absl::Status JetStreamWatch::Begin(std::shared_ptr<Link> link, const CallLimit& limit) {
  link_ = std::move(link);
  inbox_subject_ = plan_.connection->NewInbox();
  absl::StatusOr<std::shared_ptr<Inbox>> inbox =
      Inbox::Open(link_, inbox_subject_ + ".*", Inbox::Use::kAnswers, [this](MessageHandle message, bool /*more*/) {
        MutexLock lock(mutex_);
        arrived_.push_back(std::move(message));
        changed_.NotifyAll();
      });
  if (!inbox.ok()) return inbox.status();
  inbox_ = *std::move(inbox);
  inbox_->Release();
  return MakeConsumer(limit);
}

absl::Status JetStreamWatch::MakeConsumer(const CallLimit& limit) {
  const absl::StatusOr<StreamIdentity> stream = IdentifyStream(api_, plan_.stream, limit.stop, TimeLeft(limit));
  if (!stream.ok()) return stream.status();
  const bool clustered = !stream->leader.empty();
  if (!cursor_.FoundStream(stream->created, stream->last_sequence, clustered, std::chrono::steady_clock::now())) {
    return absl::UnavailableError(absl::StrCat("the server has the bucket up to revision ", stream->last_sequence,
                                               " and reported ", cursor_.last_sequence()));
  }
  consumer_ = UniqueName();
  const absl::StatusOr<ApiReply> reply =
      MakeEphemeral(api_, plan_.stream, cursor_.ConsumerConfig(consumer_, plan_.filter), TimeLeft(limit), limit.stop);
  if (!reply.ok()) return reply.status();
  if (reply->error) return ApiStatus("make its consumer", *reply->error);
  const std::optional<std::uint64_t> pending = UintMember(reply->body, "num_pending");
  if (!pending) return absl::InternalError("JetStream API: the reply does not describe a consumer");
  cursor_.Began(*pending);
  return absl::OkStatus();
}

void JetStreamWatch::Run(const std::stop_token& stop) {
  const std::stop_callback on_stop(stop, [this] { Wake(); });
  const std::stop_callback on_closing(plan_.closing, [this] { Wake(); });
  while (!Ended(stop)) {
    if (inbox_ != nullptr) Follow(stop);
    EndConsumer();
    if (!Ended(stop)) Resume(stop);
  }
}

// Tried for as long as the watch lives: a server, a leader or the bucket itself may come back.
void JetStreamWatch::Resume(const std::stop_token& stop) {
  if (backoff_.count() > 0) AwaitChange(Clock::now() + backoff_, stop);
  backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kLongestBackoff);
  std::shared_ptr<Link> link = plan_.connection->link();
  if (link == nullptr || Ended(stop)) return;
  const absl::Status begun = Begin(std::move(link), CallLimit::In(kBeginBudget, stop));
  if (begun.ok()) warned_ = false;
  if (begun.ok() || Ended(stop)) return;
  EndConsumer();
  if (std::exchange(warned_, true)) return;
  LogLine(plan_.log, LogLevel::kWarning,
          absl::StrCat("watch ", Quoted(plan_.filter), ": cannot go on, it is being tried: ", begun.message()));
}

// Until the consumer is of no more use.
void JetStreamWatch::Follow(const std::stop_token& stop) {
  outstanding_ = 0;
  TellUpToDate();
  while (!Ended(stop) && link_->usable()) {
    if (outstanding_ == 0 && !Request().ok()) return;
    const auto heartbeat = cursor_.up_to_date() ? kHeartbeat : kFirstHeartbeat;
    MessageHandle message = AwaitMessage(Clock::now() + heartbeat * 5 / 2, stop);
    if (message == nullptr || Ended(stop)) return;
    if (!Handle(std::move(message)).ok()) return;
    backoff_ = std::chrono::milliseconds(0);
  }
}

absl::Status JetStreamWatch::Request() {
  const bool first = !cursor_.up_to_date();
  const std::chrono::nanoseconds expires = first ? kFirstRequestExpires : kRequestExpires;
  const std::chrono::nanoseconds heartbeat = first ? kFirstHeartbeat : kHeartbeat;
  outstanding_ = kBatch;
  const std::string subject =
      plan_.connection->api_subjects().For(absl::StrCat("CONSUMER.MSG.NEXT.", plan_.stream, ".", consumer_));
  const std::string body = absl::StrCat("{\"batch\":", kBatch, ",\"expires\":", expires.count(),
                                        ",\"idle_heartbeat\":", heartbeat.count(), "}");
  const std::string reply = absl::StrCat(inbox_subject_, ".", ++requests_);
  absl::Status sent = link_->Publish({.subject = subject, .body = body, .reply = reply});
  if (sent.ok()) link_->loop().WriteSoon();
  return sent;
}

absl::Status JetStreamWatch::Handle(MessageHandle message) {
  const std::optional<AckSubject> delivery = ParseAckSubject(message->reply());
  if (!delivery || delivery->stream != plan_.stream || delivery->consumer != consumer_) return HandleStatus(*message);
  message->SetDelivery(*delivery, 0);
  const WatchCursor::Verdict verdict = cursor_.Delivered(*delivery);
  if (verdict == WatchCursor::Verdict::kGap) return absl::DataLossError("a delivery is missing");
  if (outstanding_ > 0) --outstanding_;
  if (verdict == WatchCursor::Verdict::kReport) plan_.events.on_message(*message);
  TellUpToDate();
  return absl::OkStatus();
}

absl::Status JetStreamWatch::HandleStatus(const ReceivedMessage& message) {
  const std::optional<StatusMessage> status = ReadStatus(message);
  const bool ours = message.subject() == absl::StrCat(inbox_subject_, ".", requests_);
  if (!status || !ours) return absl::OkStatus();  // a stranger's, or the rest of an earlier request
  const StatusMeaning meaning = MeaningOf(*status);
  if (meaning == StatusMeaning::kHeartbeat) return absl::OkStatus();
  if (meaning != StatusMeaning::kRequestEnded || !cursor_.up_to_date()) {
    return absl::UnavailableError("the consumer is of no more use");
  }
  outstanding_ = 0;
  return absl::OkStatus();
}

void JetStreamWatch::TellUpToDate() {
  if (cursor_.TakeUpToDate()) plan_.events.on_up_to_date();
}

MessageHandle JetStreamWatch::AwaitMessage(Clock::time_point deadline, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  bool in_time = true;
  while (arrived_.empty() && link_->usable() && !Ended(stop) && in_time) in_time = changed_.WaitUntil(lock, deadline);
  if (arrived_.empty()) return nullptr;
  MessageHandle message = std::move(arrived_.front());
  arrived_.pop_front();
  return message;
}

void JetStreamWatch::AwaitChange(Clock::time_point deadline, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  bool in_time = true;
  while (changes_ == seen_changes_ && !Ended(stop) && in_time) in_time = changed_.WaitUntil(lock, deadline);
  seen_changes_ = changes_;
}

// The consumer is left to the server's own clearing-up when it cannot be told.
void JetStreamWatch::EndConsumer() {
  if (inbox_ == nullptr) return;
  inbox_->Close();
  inbox_ = nullptr;
  const std::string subject =
      plan_.connection->api_subjects().For(absl::StrCat("CONSUMER.DELETE.", plan_.stream, ".", consumer_));
  if (link_->Publish({.subject = subject}).ok()) link_->loop().WriteSoon();
  MutexLock lock(mutex_);
  arrived_.clear();
}

void JetStreamWatch::Wake() {
  MutexLock lock(mutex_);
  ++changes_;
  changed_.NotifyAll();
}

}  // namespace penstock::eventbus::jetstream
