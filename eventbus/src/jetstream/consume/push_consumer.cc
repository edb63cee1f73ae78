// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/push_consumer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/consume/ack_batch.h"
#include "jetstream/consume/acks_by_sequence.h"

namespace penstock::eventbus::jetstream {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kQuickBudget(250);

// A cumulative acknowledgement is sent once so many messages are settled, or fewer if the window is small: the server
// gets at least `kAcksPerWindow` for a full window. The next tick sends what is settled below that
// (`ownership_time::kProbe`). `AckMode::kCumulative` promises both figures.
constexpr std::size_t kMostUnacknowledged = 256;
constexpr std::size_t kAcksPerWindow = 8;

// The last one that came may be a redelivery.
StreamMarks::Mark LastOf(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  const auto& last =
      *std::ranges::max_element(messages, {}, [](const auto& message) { return message->stream_sequence(); });
  return {last->stream_sequence(), last->stored_at()};
}

}  // namespace

PushConsumer::PushConsumer(Connection& connection, SessionLease& lease, FenceIssuer& fences, ConsumerSpec spec,
                           ConsumerEvents events, LogSink log)
    : ConsumerSession(connection, std::move(spec), std::move(events), std::move(log)),
      lease_(lease),
      fences_(fences),
      claim_name_(absl::StrCat(spec_.stream, ".", spec_.consumer)),
      window_(spec_.max_in_flight) {}

PushConsumer::~PushConsumer() {
  Stop();
  lease_.Abandon(claim_name_, inbox_prefix_);
}

PushConsumer::Clock::duration PushConsumer::Tick() const { return ownership_time::kProbe; }

std::optional<Json> PushConsumer::Expected() const {
  if (window_.load(std::memory_order_relaxed) != applied_window_) return std::nullopt;
  return Wanted(StringMember(bound_config_, "deliver_subject"), {});
}

std::optional<std::uint64_t> PushConsumer::LowestInHand() const {
  return outstanding_.size() == 0 ? std::nullopt : outstanding_.Lowest();
}

PushConsumer::Clock::duration PushConsumer::StandByPause() {
  const auto [least, most] = Ownership::LookEvery(connection_.observers());
  return ownership_.Pause(Clock::now(), Jittered(least, most));
}

bool PushConsumer::MayHandle(Clock::time_point now) const {
  // The server that we are connected to may have lost the one that leads the consumer.
  if (!Ownership::MayBegin(now, proven(), last_heard())) return false;
  const std::uint64_t session = session_.load(std::memory_order_relaxed);
  return session == 0 || lease_.Holds(session, now);
}

void PushConsumer::OnWithdraw() {
  ownership_.Withdrawn(proven());
  proven_.store(0, std::memory_order_relaxed);
}

void PushConsumer::OnTick(const std::shared_ptr<Link>& link, Clock::time_point now) {
  Prove(link, now);
  AcknowledgeDue(*link);
  ReportSettled();
  AgeAcks(now);
  if (window_.load(std::memory_order_relaxed) != applied_window_) ApplyWindow();
  if (claim_ && lease_.session() != claim_->session) return RequestSynchronisation("its claim is lost");
  if (!Recovering(now)) Audit(now);
  if (fence() == 0) RetryFence(now);
}

// Not while they may go to nobody, or to a server that was cut off from the others.
void PushConsumer::AgeAcks(Clock::time_point now) {
  const std::uint64_t session = session_.load(std::memory_order_relaxed);
  const bool heard = now - last_heard() < ownership_time::kSpeaks && (session == 0 || lease_.Holds(session, now));
  if (!heard || now - aged_ < ownership_time::kAckMemory) return;
  recent_acks_.Age();
  aged_ = now;
}

void PushConsumer::Prove(const std::shared_ptr<Link>& link, Clock::time_point now) {
  if (now >= proven() + ownership_time::kLease) return ProveAnew(link, now);
  if (link->Ping(now + ownership_time::kLease, stop_token())) proven_.store(Stamp(now), std::memory_order_relaxed);
}

bool PushConsumer::IsBoundHere(const ConsumerFacts& facts) const {
  return facts.deliver_subject == StringMember(bound_config_, "deliver_subject");
}

// A ping is not enough once the lease ran out: the server may have given the consumer away meanwhile. A reply that
// names our inbox is, on the connection that listens on it.
void PushConsumer::ProveAnew(const std::shared_ptr<Link>& link, Clock::time_point now) {
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!facts.ok() || connection_.link() != link) return;
  if (*facts && IsBoundHere(**facts) && (*facts)->bound) return proven_.store(Stamp(now), std::memory_order_relaxed);
  RequestSynchronisation("it is not ours any more");
}

// Whether some of what was pending has not come yet. The second time in a row the next heartbeat does without it: it
// may have been deleted from the stream.
bool PushConsumer::Recovering(Clock::time_point now) {
  if (!recovering_.load(std::memory_order_relaxed)) return false;
  const bool insists = insisting_.load(std::memory_order_relaxed);
  if (!insists || now - TimeIn(last_delivery_) < ownership_time::kRecoveryStall) return true;
  insists_ = false;
  RequestSynchronisation("not all that is pending came");
  return true;
}

void PushConsumer::Audit(Clock::time_point now) {
  const Clock::time_point last = TimeIn(last_delivery_);
  const std::optional<std::uint64_t> first = awaited_.First();
  if (!audit_.Due(now, last, first)) return;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token(), kQuickBudget);
  if (!facts.ok() || !*facts || !SameConsumer((*facts)->identity(), consumer())) return;
  const std::uint64_t floor = (*facts)->acknowledged;
  if (first && floor >= *first) {
    if (events_.on_settled_elsewhere) events_.on_settled_elsewhere(floor);
    awaited_.OverUpTo(floor);
  }
  const bool lost = audit_.Saw((*facts)->pending, outstanding_.size(), now, last);
  if (lost) RequestSynchronisation("the server waits for answers that were given");
}

void PushConsumer::SetWindow(std::size_t max_in_flight) {
  if (window_.exchange(max_in_flight, std::memory_order_relaxed) != max_in_flight) Nudge();
}

// Tried again at the next tick when it fails. On the configuration as it is now: an operator may have changed what is
// not ours.
void PushConsumer::ApplyWindow() {
  const std::size_t window = window_.load(std::memory_order_relaxed);
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token(), kQuickBudget);
  if (!facts.ok() || !*facts || !IsBoundHere(**facts)) return;
  Json config = (*facts)->config;
  config["max_ack_pending"] = window;
  if (!PutIfThere(config, stop_token())) return;
  bound_config_ = std::move(config);
  applied_window_ = window;
}

// While we still listen, so that the server lets nobody else in before it has noted this; and once it has taken in all
// acknowledgements, so that the next owner gets none of their messages.
void PushConsumer::OnRelease() {
  const std::shared_ptr<Link> link = connection_.link();
  if (link == nullptr) return;
  AcknowledgeDue(*link);
  const AcksBySequence acks(spec_.stream, spec_.consumer, 0);
  if (!acks.Await(*link, kQuickBudget, {}).ok()) return;  // nobody answers
  ReportSettled();
  if (claim_) lease_.Release(claim_name_, *claim_, CallLimit::In(kQuickBudget)).IgnoreError();
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, {}, kQuickBudget);
  // With what others changed meanwhile.
  if (facts.ok() && *facts && IsBoundHere(**facts)) PutIfThere(Released((*facts)->config), {});
}

// Updating a consumer that was deleted meanwhile creates it again from its first start: that must not stay. The time in
// the reply to an update proves nothing (see `SameTime`), so INFO is asked before anything is deleted.
bool PushConsumer::PutIfThere(const Json& config, const std::stop_token& stop) {
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, config, stop, kQuickBudget);
  if (!put.ok()) return false;
  if (SameTime(put->created, consumer().created)) return true;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop, kQuickBudget);
  if (facts.ok() && *facts && SameTime((*facts)->created, consumer().created)) return true;
  if (facts.ok() && *facts && IsUnusedReplacement(**facts, consumer().created)) {
    DeleteConsumer(api_, spec_.stream, spec_.consumer, stop).IgnoreError();
  }
  RequestSynchronisation("it may have been deleted and created again");
  return false;
}

void PushConsumer::TellNews() {
  if (!ownership_.TakeNews()) return;
  awaited_.Clear();
  if (events_.on_ownership_lost && !stopping()) events_.on_ownership_lost();
}

void PushConsumer::Tell(const RecoveryBarrier::Ranges& settled) const {
  if (!events_.on_ack_state_recovered) return;
  for (const auto& [first, last] : settled) events_.on_ack_state_recovered(first, last);
}

void PushConsumer::OnMessage(MessageHandle message, bool more) {
  if (lost_track_) return;
  if (!more) Heard();
  if (!spoke_.load(std::memory_order_relaxed)) spoke_.store(true, std::memory_order_relaxed);
  const std::optional<AckSubject> ack = ParseAckSubject(message->reply());
  if (!ack && message->reply().starts_with("$JS.ACK.")) return LoseTrack("a delivery that cannot be read");
  if (!ack || ack->stream != spec_.stream) {
    FlushArrivals();
    return OnStatus(std::move(message));
  }
  if (!gaps_.Believes(*ack)) return LoseTrack("numbers that cannot be");
  if (!gaps_.Follows(ack->consumer_sequence)) return LoseTrack("a gap in what the server sent");
  OnDelivery(std::move(message), *ack, more);
}

void PushConsumer::OnDelivery(MessageHandle message, const AckSubject& ack, bool more) {
  awaited_.Over({&ack.stream_sequence, 1});
  if (!more) last_delivery_.store(Stamp(last_heard()), std::memory_order_relaxed);
  switch (barrier_.Arrived(ack.stream_sequence)) {
    case RecoveryBarrier::Verdict::kPass:
      if (learns_) Tell(barrier_.SettledBefore(ack.stream_sequence));
      Deliver(std::move(message), ack);
      if (!more || undelivered() >= kMostArrivals) FlushArrivals();
      return;
    case RecoveryBarrier::Verdict::kHold:
      return held_.push_back({std::move(message), ack.stream_sequence});
    case RecoveryBarrier::Verdict::kRelease:
      held_.push_back({std::move(message), ack.stream_sequence});
      return ReleaseHeld();
    case RecoveryBarrier::Verdict::kIncomplete:
      insists_.store(false, std::memory_order_relaxed);
      return LoseTrack("something new before all that is pending");
  }
}

void PushConsumer::ReleaseHeld() {
  recovering_.store(false, std::memory_order_relaxed);
  RecoveryBarrier::Sort(held_);
  for (Held& each : std::exchange(held_, {})) {
    const AckSubject ack = *ParseAckSubject(each.message->reply());
    if (learns_) Tell(barrier_.SettledBefore(each.sequence));
    Deliver(std::move(each.message), ack);
    if (undelivered() >= kMostArrivals) FlushArrivals();
  }
  FlushArrivals();
}

void PushConsumer::OnArrivals(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  outstanding_.Arrived(messages);
  if (leaves_word()) runs_.Delivered(LastOf(messages));
  if (spec_.ack_all) cumulative_.Arrived(messages);
}

// Finished before the server lost its state, which now delivers it once more: nobody is told, so it is answered here.
void PushConsumer::OnDropped(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  const std::vector<std::uint64_t> finished = recent_acks_.After(0);
  std::vector<Acknowledgement> again;
  for (const auto& message : messages) {
    if (std::ranges::binary_search(finished, message->stream_sequence()))
      again.push_back({message.get(), AckType::kAck});
  }
  if (!again.empty()) Acknowledge(again).IgnoreError();
  if (messages.back()->stream_sequence() >= catches_up_to_.load(std::memory_order_relaxed)) catches_up_to_ = 0;
}

bool PushConsumer::AnswersEach(AckType type) const {
  return !spec_.ack_all || (type != AckType::kAck && type != AckType::kTerm);
}

void PushConsumer::OnSettled(std::span<const std::uint64_t> sequences, std::uint64_t epoch) {
  outstanding_.Settled(sequences);
  awaited_.Over(sequences);
  if (leaves_word()) runs_.Settled(sequences, epoch);
  if (!spec_.ack_all) recent_acks_.Sent(sequences, epoch);
}

absl::Status PushConsumer::OnAcknowledged(Link& link, std::span<const std::uint64_t> sequences) {
  if (!spec_.ack_all) return absl::OkStatus();
  const std::size_t share = window_.load(std::memory_order_relaxed) / kAcksPerWindow;
  const std::size_t enough = stopping() ? 1 : std::clamp<std::size_t>(share, 1, kMostUnacknowledged);
  const std::optional<std::string> subject = cumulative_.Settled(sequences, enough);
  return subject ? link.Publish({*subject, AckBody(AckType::kAck)}) : absl::OkStatus();
}

void PushConsumer::AcknowledgeDue(Link& link) {
  if (!spec_.ack_all) return;
  const std::optional<std::string> subject = cumulative_.Due();
  // One that is lost shows as redeliveries of what is recognised.
  if (subject) link.Publish({*subject, AckBody(AckType::kAck)}).IgnoreError();
}

void PushConsumer::OnStatus(MessageHandle message) {
  const std::optional<StatusMessage> status = ReadStatus(*message);
  if (!status) return WarnOfStranger();
  if (MeaningOf(*status) != StatusMeaning::kHeartbeat) return LoseTrack("the server ended the delivery");
  AnswerFlowControl(*status);
  const bool up_to_date = gaps_.UpToDate(status->last_consumer_sequence.value_or(0));
  if (!up_to_date) return LoseTrack("a gap before a heartbeat");
  catches_up_to_.store(0, std::memory_order_relaxed);
  // A server that has nothing to send has sent all that it will.
  const bool stalled = last_heard() - TimeIn(last_delivery_) >= ownership_time::kRecoveryStall;
  if (!barrier_.up() || insisting_.load(std::memory_order_relaxed) || !stalled) return;
  barrier_.Lift();
  ReleaseHeld();
}

// At once: `max_ack_pending` bounds what is in hand.
void PushConsumer::AnswerFlowControl(const StatusMessage& status) {
  const std::string& subject = status.flow_control_subject;
  if (!subject.starts_with("$JS.FC.")) return;
  const std::shared_ptr<Link> link = connection_.link();
  // One that is lost shows in the next heartbeat, which asks for it again.
  if (link != nullptr) link->Publish({subject, ""}).IgnoreError();
}

// What was collected before the gap is in order and may go on; it is pending at the server, so nothing is lost if it
// does not.
void PushConsumer::LoseTrack(const char* why) {
  FlushArrivals();
  lost_track_ = true;
  RequestSynchronisation(why);
}

}  // namespace penstock::eventbus::jetstream
