// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/consumer_session.h"

#include <algorithm>
#include <typeinfo>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "jetstream/api/message_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/ack_batch.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kIdle(60'000);
constexpr std::chrono::milliseconds kFirstBackoff(100);
// A server that is reachable again is found within this; handling has to go on within a second.
constexpr std::chrono::milliseconds kLongestBackoff(500);
// Deliveries that went on for less have to be synchronised again after a back-off: what broke them may be there still.
constexpr std::chrono::milliseconds kHeld(1000);

absl::Status Answer(Link& link, std::span<Acknowledgement> acks) {
  SortByStreamSequence(acks);
  absl::InlinedVector<Publication, 32> answers;
  answers.reserve(acks.size());
  for (const Acknowledgement& each : acks) answers.push_back({each.message->ack_token(), AckBody(each.type)});
  return link.Publish(answers);
}

}  // namespace

ConsumerSession::ConsumerSession(Connection& connection, ConsumerSpec spec, ConsumerEvents events, LogSink log)
    : connection_(connection),
      api_(connection),
      spec_(std::move(spec)),
      events_(std::move(events)),
      log_(std::move(log)),
      random_(std::random_device{}()) {}

absl::Status ConsumerSession::Start() {
  connection_.Observe(*this);
  std::shared_ptr<Link> link;
  const absl::StatusOr<Outcome> outcome = SynchroniseFirst(link);
  if (!outcome.ok()) {
    Withdraw();
    stopping_.store(true, std::memory_order_relaxed);
    connection_.Leave(*this);
    return Unmarked(outcome.status());
  }
  Resume(link, *outcome);
  api_.SetAgain(ApiClient::kSoon);
  MutexLock lock(join_mutex_);
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

// A server that is slow, or not reachable now, is given the time; what it refuses is told at once.
absl::StatusOr<ConsumerSession::Outcome> ConsumerSession::SynchroniseFirst(std::shared_ptr<Link>& link) {
  const Clock::time_point began = Clock::now();
  const Clock::time_point deadline = began + kOpenBudget;
  while (true) {
    link = connection_.AwaitLink(deadline);
    absl::StatusOr<Outcome> outcome =
        link == nullptr ? absl::UnavailableError(absl::StrCat("not connected to ", connection_.redacted_url()))
                        : SynchroniseOn(link);
    if (!absl::IsUnavailable(outcome.status()) && !absl::IsDeadlineExceeded(outcome.status())) return outcome;
    Withdraw();
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(BackOff());
    if (Clock::now() + pause < deadline && connection_.Pause(pause)) continue;
    const auto tried = std::chrono::ceil<std::chrono::milliseconds>(Clock::now() - began);
    const std::string cause(outcome.status().message());
    return absl::Status(outcome.status().code(), absl::StrCat(Describe("cannot begin to receive: "), cause,
                                                              "; tried for ", tried.count(), "ms"));
  }
}

absl::StatusOr<ConsumerSession::Outcome> ConsumerSession::SynchroniseOn(const std::shared_ptr<Link>& link) {
  if (absl::Status may = MayAnswer(*link); !may.ok()) return may;
  return Synchronise(link);
}

void ConsumerSession::Resume(const std::shared_ptr<Link>& link, Outcome outcome) {
  last_trouble_.clear();
  if (outcome == Outcome::kStandingBy) {
    backoff_ = std::chrono::milliseconds(0);
    Withdraw();
    return NoteStandBy();
  }
  standing_by_.store(false, std::memory_order_relaxed);
  stand_by_logged_ = false;
  lineage_.Settled();
  resumed_at_ = Clock::now();
  if (synchronised_++ > 0) resubscribes_.fetch_add(1, std::memory_order_relaxed);
  generation_ = link->generation();
  Heard();
  flows_since_.store(resumed_at_.time_since_epoch().count(), std::memory_order_relaxed);
  flows_on_.store(generation_, std::memory_order_release);
  outside_changes_.Restart(resumed_at_);
  inbox_->Release();
  OnTick(link, Clock::now());
}

void ConsumerSession::NoteStandBy() {
  standing_by_.store(true, std::memory_order_relaxed);
  if (std::exchange(stand_by_logged_, true)) return;
  LogLine(log_, LogLevel::kInfo, Describe("another process owns it; standing by"));
}

void ConsumerSession::Run() {
  SetThreadName("ps-consumer");
  feed_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  while (AwaitWork(Round())) {
  }
  if (generation_ != 0) OnRelease();
  Withdraw();
}

ConsumerSession::Clock::duration ConsumerSession::Jittered(std::chrono::milliseconds least,
                                                           std::chrono::milliseconds most) {
  std::uniform_int_distribution<std::int64_t> jitter(least.count(), most.count());
  return std::chrono::milliseconds(jitter(random_));
}

// Does what is to be done now; returns how long nothing has to be done.
ConsumerSession::Clock::duration ConsumerSession::Round() {
  const std::shared_ptr<Link> link = connection_.link();
  if (link == nullptr) {
    Withdraw();
    return kIdle;
  }
  if (generation_ == link->generation()) return Watch(link);
  return TrySynchronise(link);
}

ConsumerSession::Clock::duration ConsumerSession::Watch(const std::shared_ptr<Link>& link) {
  const Clock::time_point now = Clock::now();
  const char* why = nullptr;
  {
    MutexLock lock(mutex_);
    why = std::exchange(resynchronise_, nullptr);
  }
  if (why == nullptr && now - last_heard() > LongestSilence()) why = "the server fell silent";
  if (why == nullptr) {
    OnTick(link, now);
    Inspect(now);
    return Tick();
  }
  LogLine(log_, LogLevel::kInfo, Describe(why) + "; synchronising");
  Withdraw();
  return now - resumed_at_ < kHeld ? BackOff() : TrySynchronise(link);
}

ConsumerSession::Clock::duration ConsumerSession::TrySynchronise(const std::shared_ptr<Link>& link) {
  Withdraw();
  absl::StatusOr<Outcome> outcome = SynchroniseOn(link);
  if (!outcome.ok()) return GoOnAfter(std::move(outcome).status());
  Resume(link, *outcome);
  return *outcome == Outcome::kFlowing ? Tick() : StandByPause();
}

ConsumerSession::Clock::duration ConsumerSession::GoOnAfter(absl::Status status) {
  Withdraw();
  standing_by_.store(false, std::memory_order_relaxed);
  if (IsMarkedAsLasting(status)) {
    GiveUp(std::move(status));
    return kIdle;
  }
  const std::string text(status.message());
  if (text != last_trouble_ && !absl::IsCancelled(status)) {
    LogLine(log_, LogLevel::kWarning, Describe("cannot receive yet: ") + text);
    last_trouble_ = text;
  }
  return BackOff();
}

ConsumerSession::Clock::duration ConsumerSession::BackOff() {
  backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kLongestBackoff);
  return Jittered(backoff_ / 2, backoff_);
}

void ConsumerSession::GiveUp(absl::Status why) {
  if (stopping_.exchange(true, std::memory_order_relaxed)) return;
  LogLine(log_, LogLevel::kError, Describe("cannot go on: ") + std::string(why.message()));
  if (events_.on_closed) events_.on_closed(Unmarked(std::move(why)));
}

bool ConsumerSession::AwaitWork(Clock::duration longest) {
  const Clock::time_point deadline = Clock::now() + longest;
  MutexLock lock(mutex_);
  while (!nudged_ && !stopping_.load(std::memory_order_relaxed) && work_.WaitUntil(lock, deadline)) {
  }
  nudged_ = false;
  return !stopping_.load(std::memory_order_relaxed);
}

void ConsumerSession::Nudge() {
  MutexLock lock(mutex_);
  nudged_ = true;
  work_.NotifyAll();
}

void ConsumerSession::RequestSynchronisation(const char* why) {
  MutexLock lock(mutex_);
  resynchronise_ = why;
  nudged_ = true;
  work_.NotifyAll();
}

absl::Status ConsumerSession::OpenInbox(const std::shared_ptr<Link>& link, const std::string& subject) {
  absl::StatusOr<std::shared_ptr<Inbox>> inbox = Inbox::Open(
      link, subject, Inbox::Use::kDeliveries,
      [this](MessageHandle message, bool more) { OnMessage(std::move(message), more); }, [this] { Rest(); });
  if (!inbox.ok()) return inbox.status();
  inbox_ = *std::move(inbox);
  return absl::OkStatus();
}

void ConsumerSession::Withdraw() {
  if (generation_ != 0 && Clock::now() - resumed_at_ >= kHeld) backoff_ = std::chrono::milliseconds(0);
  OnWithdraw();
  flows_on_.store(0, std::memory_order_relaxed);
  generation_ = 0;
  if (inbox_ == nullptr) return;
  inbox_->Close();
  inbox_ = nullptr;
  arrivals_.clear();
  Rest();
  MutexLock lock(mutex_);
  resynchronise_ = nullptr;
}

absl::Status ConsumerSession::LookAtStream() {
  absl::StatusOr<StreamIdentity> stream = IdentifyStream(api_, spec_.stream, stop_token());
  if (!stream.ok()) return stream.status();
  const bool same_time = stream_.created.empty() || SameTime(stream->created, stream_.created);
  const absl::StatusOr<std::optional<bool>> as_it_was = IsAsItWas(lineage_.Doubts(same_time, stream->last_sequence));
  if (!as_it_was.ok()) return as_it_was.status();
  const StreamLineage::Verdict verdict = lineage_.Saw(same_time, stream->last_sequence, *as_it_was, Clock::now());
  if (verdict == StreamLineage::Verdict::kLags) {
    return absl::UnavailableError(absl::StrCat("the server has the stream up to message ", stream->last_sequence,
                                               " and sent ", lineage_.highest()));
  }
  if (absl::Status fits = CheckStream(stream->facts); !fits.ok()) return fits;
  stream_ = *std::move(stream);
  if (verdict == StreamLineage::Verdict::kSame) return absl::OkStatus();
  stream_made_again_ = true;
  OnStreamMadeAgain(lineage_.highest());
  return absl::OkStatus();
}

absl::StatusOr<std::optional<bool>> ConsumerSession::IsAsItWas(const std::optional<StreamMarks::Mark>& mark) {
  if (!mark) return std::nullopt;
  const absl::StatusOr<std::unique_ptr<StoredMessage>> message =
      ReadMessageAt(api_, spec_.stream, mark->sequence, stop_token());
  if (message.ok()) return (*message)->stored_at() == mark->stored_at;
  const absl::StatusCode code = message.status().code();
  // It may have expired, or been deleted, or may not be read by this user: that says nothing of the stream.
  if (code == absl::StatusCode::kNotFound || code == absl::StatusCode::kPermissionDenied) return std::nullopt;
  return message.status();
}

absl::StatusOr<bool> ConsumerSession::IsSameStream(const std::string& created, const StreamMarks::Mark& mark) {
  if (stream_.created.empty() || !SameTime(created, stream_.created)) return false;
  const absl::StatusOr<std::optional<bool>> as_it_was = IsAsItWas(mark);
  if (!as_it_was.ok()) return as_it_was.status();
  return as_it_was->value_or(false);
}

void ConsumerSession::Deliver(MessageHandle message, const AckSubject& ack) {
  if (arrivals_.empty()) arrivals_.reserve(kMostArrivals);
  lineage_.Delivered(ack.stream_sequence, ack.stored_at);
  message->SetDelivery(ack, epoch_.load(std::memory_order_relaxed), fence_);
  arrivals_.push_back(std::move(message));
}

void ConsumerSession::FlushArrivals() {
  std::vector<std::unique_ptr<StoredMessage>> arrivals = std::exchange(arrivals_, {});
  if (arrivals.empty()) return;
  NoteArrival(*arrivals.back());
  OnArrivals(arrivals);
  if (stopping_.load(std::memory_order_relaxed)) return;
  bool dropped = false;
  {
    MutexLock lock(mutex_);
    dropped = quiet_;
    calling_ = !dropped;
  }
  if (dropped) return OnDropped(arrivals);
  callback_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  restless_.store(true, std::memory_order_relaxed);
  if (events_.on_messages) events_.on_messages(std::move(arrivals));
  callback_thread_.store(std::thread::id(), std::memory_order_relaxed);
  MutexLock lock(mutex_);
  calling_ = false;
  if (quiet_) work_.NotifyAll();
}

// Told once, by whoever comes first: the loop, or who has ended the arrivals.
void ConsumerSession::Rest() {
  if (restless_.load(std::memory_order_relaxed) && restless_.exchange(false) && events_.on_idle) events_.on_idle();
}

void ConsumerSession::WarnOfStranger() {
  const std::uint64_t count = strangers_.fetch_add(1, std::memory_order_relaxed) + 1;
  if ((count & (count - 1)) != 0) return;  // 1, 2, 4, ...
  LogLine(log_, LogLevel::kWarning,
          Describe("ignored a message that no stream sent; in all ") + absl::StrCat(count, " of them"));
}

absl::Status ConsumerSession::Acknowledge(std::span<const Acknowledgement> deliveries) {
  if (spec_.kind == ConsumerKind::kAtMostOnce) {
    return absl::FailedPreconditionError("acknowledge: at-most-once messages are settled by being delivered");
  }
  const std::uint64_t epoch = this->epoch();
  absl::Status first_error;
  absl::InlinedVector<Acknowledgement, 32> answered;
  absl::InlinedVector<std::uint64_t, 32> settled;
  answered.reserve(deliveries.size());
  settled.reserve(deliveries.size());
  for (const Acknowledgement& each : deliveries) {
    if (absl::Status known = CheckKnown(*each.message, epoch); !known.ok()) {
      first_error.Update(std::move(known));
      continue;
    }
    if (AnswersEach(each.type)) answered.push_back(each);
    const bool over = each.type == AckType::kAck || each.type == AckType::kTerm;
    if (over) settled.push_back(each.message->stream_sequence());
    if (each.type == AckType::kNak) OnAskedFor(each.message->stream_sequence());
  }
  if (!settled.empty()) OnSettled(settled, epoch);
  const std::shared_ptr<Link> link = connection_.link();
  if (link == nullptr) return absl::UnavailableError("acknowledge: not connected; the server will deliver it again");
  absl::Status sent = answered.empty() ? absl::OkStatus() : Answer(*link, {answered.data(), answered.size()});
  if (sent.ok() && !settled.empty()) sent = OnAcknowledged(*link, settled);
  first_error.Update(std::move(sent));
  return first_error;
}

absl::Status ConsumerSession::CheckKnown(const StoredMessage& message, std::uint64_t epoch) const {
  if (typeid(message) != typeid(ReceivedMessage)) {
    return absl::InvalidArgumentError("acknowledge: the message is not one of this consumer");
  }
  if (static_cast<const ReceivedMessage&>(message).epoch() == epoch) {
    return absl::OkStatus();
  }
  return absl::UnavailableError("acknowledge: the consumer was created again since this delivery");
}

// Then there is nothing to wait for: what runs is the caller.
bool ConsumerSession::CalledFromEvent() const {
  const std::thread::id caller = std::this_thread::get_id();
  return caller == feed_thread_.load(std::memory_order_relaxed) ||
         caller == callback_thread_.load(std::memory_order_relaxed);
}

void ConsumerSession::StopArrivals() {
  {
    MutexLock lock(mutex_);
    quiet_ = true;
    if (CalledFromEvent()) return;
    while (calling_) work_.Wait(lock);
  }
  Rest();
}

void ConsumerSession::Stop() {
  connection_.Leave(*this);
  flows_on_.store(0, std::memory_order_relaxed);
  standing_by_.store(false, std::memory_order_relaxed);
  stop_.request_stop();
  {
    MutexLock lock(mutex_);
    stopping_.store(true, std::memory_order_relaxed);
    work_.NotifyAll();
  }
  if (CalledFromEvent()) return;
  MutexLock lock(join_mutex_);
  if (!thread_.joinable()) return;
  thread_.join();
  OnStopped();
}

ConsumerStats ConsumerSession::Stats() const {
  return {.active = receives_since() != Clock::time_point::max(),
          .standing_by = connection_.link() != nullptr && standing_by_.load(std::memory_order_relaxed),
          .caught_up = caught_up(),
          .resubscribes = resubscribes_.load(std::memory_order_relaxed),
          .answers_refused = answers_refused_.load(std::memory_order_relaxed)};
}

std::string ConsumerSession::Describe(const std::string& what) const {
  return absl::StrCat("consumer ", Quoted(spec_.consumer), " of stream ", Quoted(spec_.stream), ": ", what);
}

}  // namespace penstock::eventbus::jetstream
