// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/push_consumer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/ack_batch.h"

namespace penstock::eventbus::jetstream {

namespace {

// The times of ownership, from the loss of an owner to its successor: an owner proves itself every `kOwnershipProbe`;
// stops `kLease` after its last proof; who stands by looks every `kLeastPause` to `kMostPause` and waits
// `kTakeoverDelay` from the first look that found nobody. Together under 0.8 s. `kTakeoverDelay` has to exceed
// `kLease`; the difference is for clocks that run at different speeds.
// `kOwnershipProbe` is also the period of `OnTick`, which sends the cumulative acknowledgement that is due: it is the
// 100 ms that `AckMode::kCumulative` promises.
constexpr std::chrono::milliseconds kOwnershipProbe(100);
constexpr std::chrono::milliseconds kLease(500);
constexpr std::chrono::milliseconds kTakeoverDelay(550);
constexpr std::chrono::milliseconds kLeastPause(100);
constexpr std::chrono::milliseconds kMostPause(200);

// How long the server may go on believing that we listen on an inbox of a connection that is gone; its own pings tell
// it only after minutes.
constexpr std::chrono::milliseconds kHalfOpenPatience(1000);

constexpr std::chrono::milliseconds kQuickBudget(250);

// A cumulative acknowledgement is sent once so many messages are settled, or fewer if the window is small: the server
// gets at least `kAcksPerWindow` for a full window. The next tick sends what is settled below that (`kOwnershipProbe`).
// `AckMode::kCumulative` promises both figures.
constexpr std::size_t kMostUnacknowledged = 256;
constexpr std::size_t kAcksPerWindow = 8;

constexpr std::chrono::milliseconds kSettleBudget(1000);
constexpr std::uint64_t kMostAskedFor = 1 << 16;
constexpr std::uint64_t kAnsweredPerMillisecond = 16;  // at the least

}  // namespace

PushConsumer::Clock::duration PushConsumer::LongestSilence() const { return kPushHeartbeat * 5 / 2; }

PushConsumer::Clock::duration PushConsumer::Tick() const { return kOwnershipProbe; }

PushConsumer::Clock::duration PushConsumer::StandByPause() {
  const Clock::duration pause = Jittered(kLeastPause, kMostPause);
  if (!vacant_since_) return pause;
  return std::clamp<Clock::duration>(*vacant_since_ + kTakeoverDelay - Clock::now(), std::chrono::milliseconds(1),
                                     pause);
}

bool PushConsumer::MayHandle(Clock::time_point now) const {
  // The server that we are connected to may have lost the one that leads the consumer.
  return now < lease_until() && now - last_heard() <= LongestSilence();
}

void PushConsumer::Renew(Clock::time_point proven) {
  lease_until_.store((proven + kLease).time_since_epoch().count(), std::memory_order_relaxed);
}

void PushConsumer::OnWithdraw() { lease_until_.store(0, std::memory_order_relaxed); }

void PushConsumer::OnTick(const std::shared_ptr<Link>& link, Clock::time_point now) {
  if (now >= lease_until()) {
    ProveAnew(link, now);
  } else if (link->Ping(now + kLease, stop_token())) {
    Renew(now);
  }
  AcknowledgeDue(*link);
  if (window_.load(std::memory_order_relaxed) != applied_window_) ApplyWindow();
}

// A ping is not enough once the lease ran out: the server may have given the consumer away meanwhile. A reply that
// names our inbox is, on the connection that listens on it.
void PushConsumer::ProveAnew(const std::shared_ptr<Link>& link, Clock::time_point now) {
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!facts.ok() || connection_.link() != link) return;
  const bool ours = *facts && (*facts)->deliver_subject == StringMember(bound_config_, "deliver_subject");
  if (ours && (*facts)->bound) return Renew(now);
  RequestSynchronisation("it is not ours any more");
}

void PushConsumer::SetWindow(std::size_t max_in_flight) {
  if (window_.exchange(max_in_flight, std::memory_order_relaxed) != max_in_flight) Nudge();
}

// Tried again at the next tick when it fails.
void PushConsumer::ApplyWindow() {
  const std::size_t window = window_.load(std::memory_order_relaxed);
  Json config = bound_config_;
  config["max_ack_pending"] = window;
  if (!PutIfThere(config, stop_token())) return;
  bound_config_ = std::move(config);
  applied_window_ = window;
}

// While we still listen, so that the server lets nobody else in before it has noted this.
void PushConsumer::OnRelease() {
  if (!connection_.connected()) return;
  if (const std::shared_ptr<Link> link = connection_.link()) AcknowledgeDue(*link);
  PutIfThere(Released(bound_config_), {});
}

// Updating a consumer that was deleted meanwhile creates it again from its first start: that must not stay. The time in
// the reply to an update proves nothing (see `SameTime`), so INFO is asked before anything is deleted.
bool PushConsumer::PutIfThere(const Json& config, const std::stop_token& stop) {
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, config, stop, kQuickBudget);
  if (!put.ok()) return false;
  if (SameTime(put->created, consumer_created())) return true;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts = LookUpConsumer(api_, spec_.stream, spec_.consumer, stop);
  if (facts.ok() && *facts && SameTime((*facts)->created, consumer_created())) return true;
  if (facts.ok() && *facts && IsUnusedReplacement(**facts, consumer_created())) {
    DeleteConsumer(api_, spec_.stream, spec_.consumer, stop).IgnoreError();
  }
  RequestSynchronisation("it may have been deleted and created again");
  return false;
}

void PushConsumer::TellOwnershipLost() const {
  if (events_.on_ownership_lost && !stopping()) events_.on_ownership_lost();
}

void PushConsumer::Tell(const RecoveredAckState::Ranges& settled) const {
  if (!events_.on_ack_state_recovered) return;
  for (const auto& [first, last] : settled) events_.on_ack_state_recovered(first, last);
}

Json PushConsumer::Wanted(const std::string& subject, const StartPoint& start) const {
  ConsumerSpec spec = spec_;
  spec.max_in_flight = window_.load(std::memory_order_relaxed);
  return ConsumerConfig(spec, spec.consumer, subject, start);
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Synchronise(const std::shared_ptr<Link>& link) {
  gaps_.Restart();
  cumulative_.Restart();
  lost_track_ = false;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!facts.ok()) return facts.status();
  if (!*facts) return Make(link);
  if (absl::Status fits = CheckFits(spec_.consumer, (*facts)->config, Wanted("any", {})); !fits.ok()) return fits;
  return absl::StartsWith((*facts)->deliver_subject, inbox_prefix_) ? TakeBack(link, **facts) : TakeOver(link, **facts);
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::TakeOver(const std::shared_ptr<Link>& link,
                                                             const ConsumerFacts& facts) {
  const bool news = !std::exchange(ownership_lost_, true) && synchronised_before();
  if (news) TellOwnershipLost();
  refused_our_own_since_.reset();
  if (!MayTakeFromAnother(facts)) return Outcome::kStandingBy;
  return Rebind(link, facts, /*made=*/false);
}

bool PushConsumer::MayTakeFromAnother(const ConsumerFacts& facts) {
  if (facts.bound) {
    vacant_since_.reset();
    return false;
  }
  if (facts.released) return true;
  const Clock::time_point now = Clock::now();
  if (!vacant_since_ || vacant_subject_ != facts.deliver_subject) vacant_since_ = now;
  vacant_subject_ = facts.deliver_subject;
  return now - *vacant_since_ >= kTakeoverDelay;
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::TakeBack(const std::shared_ptr<Link>& link,
                                                             const ConsumerFacts& facts) {
  const absl::StatusOr<Outcome> bound = Rebind(link, facts, /*made=*/false);
  if (!bound.ok() || *bound == Outcome::kFlowing) return bound;
  const Clock::time_point now = Clock::now();
  if (!refused_our_own_since_) refused_our_own_since_ = now;
  if (now - *refused_our_own_since_ < kHalfOpenPatience) return Outcome::kStandingBy;
  return MakeAgain(link, facts);
}

// Nobody else can have bound the consumer between the look and the deletion: the server refuses them as it refuses us.
absl::StatusOr<PushConsumer::Outcome> PushConsumer::MakeAgain(const std::shared_ptr<Link>& link,
                                                              const ConsumerFacts& facts) {
  LogLine(log_, LogLevel::kWarning,
          Describe("the server holds it for a connection of ours that is gone; making it again"));
  outstanding_.SettledUpTo(facts.acknowledged);
  if (absl::Status gone = DeleteConsumer(api_, spec_.stream, spec_.consumer, stop_token()); !gone.ok()) return gone;
  return Make(link);
}

// Made while nobody listens, and then taken as one that was there. For a server that was killed can have lost a
// consumer and kept its state, which one made by that name then has: it would send what is new before what is pending,
// which waits for AckWait (2.9.10, seen by chaos).
absl::StatusOr<PushConsumer::Outcome> PushConsumer::Make(const std::shared_ptr<Link>& link) {
  const absl::StatusOr<StartPoint> start = WhereToBegin();
  if (!start.ok()) return start.status();
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, Wanted(NextInbox(), *start), stop_token());
  if (!put.ok()) return AfterRefusal(put.status());
  outstanding_.SettledUpTo(put->acknowledged);
  return Rebind(link, *put, /*made=*/true);
}

// Another process may have made it just now, to begin elsewhere: then it is looked at as one that is there.
absl::StatusOr<PushConsumer::Outcome> PushConsumer::AfterRefusal(const absl::Status& refusal) {
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (facts.ok() && *facts) return Outcome::kStandingBy;
  return refusal;
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Rebind(const std::shared_ptr<Link>& link,
                                                           const ConsumerFacts& facts, bool made) {
  if (absl::Status asked = AskForPending(link, facts); !asked.ok()) return asked;
  const std::string subject = NextInbox();
  return Bind(link, Adjusted(facts.config, Wanted(subject, {})), subject, made);
}

// What has been sent to an earlier inbox of ours is known; of what another owner had, it is known only where it lies.
std::vector<std::uint64_t> PushConsumer::MayBePending(const ConsumerFacts& facts) const {
  if (absl::StartsWith(facts.deliver_subject, inbox_prefix_)) {
    return outstanding_.MayBePending(facts.delivered, kMostAskedFor);
  }
  std::vector<std::uint64_t> pending(std::min(facts.delivered - facts.acknowledged, kMostAskedFor));
  std::iota(pending.begin(), pending.end(), facts.delivered - pending.size() + 1);
  return pending;
}

// A new inbox brings everything pending, in every version but 2.10.27 (seen) and its neighbours: what those sent while
// nobody listened any more, they take for delivered too often, and forget. A Nak of all that may be pending puts it in
// the queue for redelivery, in stream order, past that check; what is not pending is not touched by it. The answer to
// the last one tells that all have been seen.
absl::Status PushConsumer::AskForPending(const std::shared_ptr<Link>& link, const ConsumerFacts& facts) {
  if (facts.pending == 0 || facts.delivered <= facts.acknowledged) return absl::OkStatus();
  const std::string_view body = AckBody(AckType::kNak);
  const std::vector<std::uint64_t> pending = MayBePending(facts);
  const auto subject = [&](std::uint64_t sequence) {
    return absl::StrCat("$JS.ACK.", spec_.stream, ".", spec_.consumer, ".1.", sequence, ".", facts.deliveries, ".1.0");
  };
  for (const std::uint64_t sequence : pending) {
    if (absl::Status sent = link->Publish({subject(sequence), body}); !sent.ok()) return sent;
  }
  const auto patience =
      kSettleBudget + std::chrono::milliseconds(static_cast<std::int64_t>(pending.size() / kAnsweredPerMillisecond));
  const absl::StatusOr<MessageHandle> answer =
      link->Request(subject(facts.delivered), body, Clock::now() + patience, stop_token());
  if (answer.ok()) return absl::OkStatus();
  return absl::Status(answer.status().code(), absl::StrCat("ask for what is pending: ", answer.status().message()));
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Bind(const std::shared_ptr<Link>& link, const Json& config,
                                                         const std::string& subject, bool made) {
  if (absl::Status opened = OpenInbox(link, subject); !opened.ok()) return opened;
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, config, stop_token());
  if (absl::IsAlreadyExists(put.status())) return Outcome::kStandingBy;
  if (!put.ok()) return put.status();
  // Another process may have done the same at the same time: whose inbox it is now is whose consumer it is.
  const Clock::time_point asked = Clock::now();
  const absl::StatusOr<std::optional<ConsumerFacts>> bound =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!bound.ok()) return bound.status();
  if (!*bound || (*bound)->deliver_subject != subject) {
    refused_our_own_since_.reset();
    return Outcome::kStandingBy;
  }
  outstanding_.SettledUpTo((*bound)->acknowledged);
  if (absl::Status noted = NoteConsumer((*bound)->created, made); !noted.ok()) return noted;
  gaps_.Expect(std::max((*bound)->delivered, stream_sequence()));
  bound_config_ = (*bound)->config;
  applied_window_ = static_cast<std::size_t>(UintMember(bound_config_, "max_ack_pending").value_or(0));
  // Once more: until now the other could settle messages and store dead letters.
  if (std::exchange(ownership_lost_, false)) TellOwnershipLost();
  Tell(recovered_ack_state_.Restart((*bound)->acknowledged, (*bound)->delivered, (*bound)->pending));
  vacant_since_.reset();
  refused_our_own_since_.reset();
  Renew(asked);
  return Outcome::kFlowing;
}

absl::StatusOr<StartPoint> PushConsumer::WhereToBegin() {
  if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  if (stream_made_again()) outstanding_.Clear();
  const std::optional<std::uint64_t> lowest = outstanding_.Lowest();
  if (!lowest) return StartPoint{StartPoint::Kind::kFirst, 0};
  return StartPoint{StartPoint::Kind::kSequence, *lowest};
}

void PushConsumer::OnMessage(MessageHandle message, bool more) {
  if (lost_track_) return;
  if (!more) Heard();
  const std::optional<AckSubject> ack = ParseAckSubject(message->reply());
  if (!ack && message->reply().starts_with("$JS.ACK.")) return LoseTrack("a delivery that cannot be read");
  if (!ack || ack->stream != spec_.stream) {
    FlushArrivals();
    return OnStatus(std::move(message));
  }
  if (!gaps_.Believes(*ack)) return LoseTrack("numbers that cannot be");
  if (!gaps_.Follows(ack->consumer_sequence)) return LoseTrack("a gap in what the server sent");
  Tell(recovered_ack_state_.Arrived(ack->stream_sequence));
  Deliver(std::move(message), *ack);
  if (!more || undelivered() >= kMostArrivals) FlushArrivals();
}

void PushConsumer::OnArrivals(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  outstanding_.Arrived(messages);
  if (spec_.ack_all) cumulative_.Arrived(messages);
}

bool PushConsumer::AnswersEach(AckType type) const {
  return !spec_.ack_all || (type != AckType::kAck && type != AckType::kTerm);
}

absl::Status PushConsumer::OnAcknowledged(Link& link, std::span<const std::uint64_t> sequences) {
  outstanding_.Settled(sequences);
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
  const bool up_to_date = gaps_.UpToDate(status->last_consumer_sequence.value_or(0));
  if (!up_to_date) LoseTrack("a gap before a heartbeat");
}

// What was collected before the gap is in order and may go on; it is pending at the server, so nothing is lost if it
// does not.
void PushConsumer::LoseTrack(const char* why) {
  FlushArrivals();
  lost_track_ = true;
  RequestSynchronisation(why);
}

}  // namespace penstock::eventbus::jetstream
