// SPDX-License-Identifier: Apache-2.0
// How a push consumer comes to deliver here.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/acks_by_sequence.h"
#include "jetstream/consume/push_consumer.h"
#include "jetstream/protocol/server_version.h"
#include "jetstream/protocol/unique_name.h"
#include "jetstream/recovery/may_be_pending.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettleBudget(1000);
// The first version whose cluster commits one of two writes that expect the same revision (nats-server #4320).
constexpr ServerVersion kSerialisesWrites = {2, 9, 21};
constexpr milliseconds kAskQuorumEvery(200);
// An owner that could not bind the consumer for so long gives another the chance.
constexpr milliseconds kFruitless(10'000);
// Longer than a standby needs to take over what an owner gave up.
constexpr milliseconds kYield(3000);
constexpr std::uint64_t kAnsweredPerMillisecond = 16;  // at the least

}  // namespace

Json PushConsumer::Wanted(const std::string& subject, const StartPoint& start) const {
  ConsumerSpec spec = spec_;
  spec.max_in_flight = window_.load(std::memory_order_relaxed);
  return ConsumerConfig(spec, spec.consumer, subject, start);
}

// Where a successor has to know whether it is the consumer that it is told of.
Json PushConsumer::Named(Json config) const {
  return claim_ && TagOf(config).empty() ? Tagged(std::move(config), UniqueName()) : config;
}

bool PushConsumer::Ours(const ConsumerFacts& facts) const {
  return absl::StartsWith(facts.deliver_subject, inbox_prefix_);
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Synchronise(const std::shared_ptr<Link>& link) {
  gaps_.Restart();
  cumulative_.Restart();
  held_.clear();
  lost_track_ = false;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!facts.ok()) return facts.status();
  const Ownership::Step step = Decide(*facts);
  TellNews();
  if (*facts) {
    if (absl::Status noted = NoteFloor(**facts); !noted.ok()) return noted;
  }
  // Before a claim is won, which would keep others off.
  if (*facts) {
    if (absl::Status fits = CheckFitsHere((*facts)->config, Wanted("any", {})); !fits.ok()) return fits;
  }
  const absl::StatusOr<Taking> taking = MayTake(*link, step, *facts ? (*facts)->deliver_subject : "");
  if (!taking.ok()) return taking.status();
  if (*facts) {
    if (absl::Status learned = LearnSettled(**facts); !learned.ok()) return learned;
  }
  if (!*facts) return *taking == Taking::kBind ? Make(link) : Outcome::kStandingBy;
  if (absl::Status told = AcknowledgeAgain(*link, **facts); !told.ok()) return told;
  if (*taking == Taking::kNot) return StandBy(**facts);
  if (*taking == Taking::kEvict) return Evict(link, **facts);
  const absl::StatusOr<Outcome> bound = Rebind(link, **facts, /*made=*/false);
  const bool refused = bound.ok() && *bound == Outcome::kStandingBy && ownership_.state() != Ownership::State::kStandBy;
  return refused && ownership_.Refused(Clock::now()) ? MakeAgain(link, **facts) : bound;
}

Ownership::Step PushConsumer::Decide(const std::optional<ConsumerFacts>& facts) {
  std::optional<Ownership::Sight> sight;
  if (facts) {
    sight = {.ours = Ours(*facts), .bound = facts->bound, .released = facts->released, .inbox = facts->deliver_subject};
  }
  return ownership_.Saw(sight, Clock::now());
}

absl::StatusOr<PushConsumer::Taking> PushConsumer::MayTake(const Link& link, Ownership::Step step,
                                                           const std::string& listener) {
  // Another server may know more, and the permissions may be others.
  if (std::exchange(asked_on_, link.generation()) != link.generation()) without_quorum_ = false;
  const bool wants = step != Ownership::Step::kStandBy;
  if (AsksQuorum()) return AskQuorum(wants, listener, Clock::now());
  claim_.reset();
  return wants ? Taking::kBind : Taking::kNot;
}

// In a cluster, a server that was cut off from the others still shows the consumer as its owner's, and so may the
// others, whose routes to it are silent but not closed: only writes that a quorum commits tell whose it is.
absl::StatusOr<PushConsumer::Taking> PushConsumer::AskQuorum(bool wants, const std::string& listener,
                                                             Clock::time_point now) {
  YieldIfSilent(now);
  const bool bound = ownership_.state() == Ownership::State::kStandBy && !wants;
  if (bound && now - asked_at_ < kAskQuorumEvery) return Taking::kNot;
  asked_at_ = now;
  using Reach = SessionLease::Reach;
  const Reach reach = now < yields_until_ || (!wants && !bound) ? Reach::kLook : bound ? Reach::kEvict : Reach::kClaim;
  const absl::StatusOr<std::optional<ClaimWin>> won =
      lease_.TryClaim({claim_name_, inbox_prefix_, listener, listener == evicting_, reach}, contest_,
                      CallLimit::In(kApiBudget, stop_token()));
  if (absl::IsPermissionDenied(won.status())) {
    without_quorum_ = true;
    LogLine(
        log_, LogLevel::kWarning,
        Describe("goes on without a lease that a quorum keeps, so that two processes may handle at once while servers "
                 "are cut off from each other: ") +
            std::string(won.status().message()));
    return wants ? Taking::kBind : Taking::kNot;
  }
  if (!won.ok()) return won.status();
  claim_ = *won;
  if (claim_ && !tries_since_) tries_since_ = now;
  if (!claim_ || reach == Reach::kLook) return Taking::kNot;
  if (bound) evicting_ = listener;
  return bound ? Taking::kEvict : Taking::kBind;
}

// The server believes that somebody listens whose session is over: a connection, or a route, that is silent but not
// closed.
absl::StatusOr<PushConsumer::Outcome> PushConsumer::Evict(const std::shared_ptr<Link>& link,
                                                          const ConsumerFacts& facts) {
  outstanding_.StartAfter(facts.acknowledged);
  const absl::StatusOr<Outcome> bound = Rebind(link, facts, /*made=*/false);
  return bound.ok() && *bound == Outcome::kStandingBy ? MakeAgain(link, facts) : bound;
}

bool PushConsumer::AsksQuorum() {
  if (without_quorum_ || !connection_.clustered()) return false;
  if (IsAtLeast(connection_.server_version(), kSerialisesWrites)) return true;
  without_quorum_ = true;
  LogLine(
      log_, LogLevel::kWarning,
      Describe("servers of a cluster before 2.9.21 keep no lease: two processes may handle at once while servers are "
               "cut off from each other; the server's version is ") +
          connection_.server_version());
  return false;
}

// A process that can write but is not sent anything is worse connected than another may be.
void PushConsumer::YieldIfSilent(Clock::time_point now) {
  const bool silent = !spoke_.exchange(true, std::memory_order_relaxed) && now - bound_at_ >= ownership_time::kSilence;
  const bool fruitless = tries_since_ && now - *tries_since_ >= kFruitless;
  if (!claim_ || (!silent && !fruitless)) return;
  yields_until_ = now + kYield;
  tries_since_.reset();
  lease_.Release(claim_name_, *claim_, CallLimit::In(kApiBudget, stop_token())).IgnoreError();
  claim_.reset();
}

// Where the consumer stands is where this process would begin if it were deleted, whatever fails after this look.
absl::Status PushConsumer::NoteFloor(const ConsumerFacts& facts) {
  if (!SameConsumer(facts.identity(), floor_of_)) {
    if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
    floor_of_ = facts.identity();
  }
  outstanding_.SettledUpTo(facts.acknowledged);
  return absl::OkStatus();
}

PushConsumer::Outcome PushConsumer::StandBy(const ConsumerFacts& facts) {
  outstanding_.AnotherStandsAt(facts.acknowledged);
  // So that a take-over takes one request more, and not three.
  if (!std::exchange(fences_opened_, true) && !connection_.clustered()) {
    fences_.Open(CallLimit::In(kApiBudget, stop_token())).IgnoreError();
  }
  return Outcome::kStandingBy;
}

// Nobody else can have bound the consumer between the look and the deletion: the server refuses them as it refuses us.
absl::StatusOr<PushConsumer::Outcome> PushConsumer::MakeAgain(const std::shared_ptr<Link>& link,
                                                              const ConsumerFacts& facts) {
  LogLine(log_, LogLevel::kWarning, Describe("the server holds it for a connection that is gone; creating it again"));
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
  const absl::StatusOr<ConsumerFacts> put =
      PutConsumer(api_, spec_.stream, Named(Wanted(NextInbox(), *start)), stop_token());
  if (!put.ok()) return AfterRefusal(put.status());
  return Rebind(link, *put, /*made=*/true);
}

// Another process may have made it just now, to begin elsewhere: then it is looked at as one that is there.
absl::StatusOr<PushConsumer::Outcome> PushConsumer::AfterRefusal(const absl::Status& refusal) {
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (facts.ok() && *facts) return Outcome::kStandingBy;
  return refusal;
}

absl::StatusOr<StartPoint> PushConsumer::WhereToBegin() {
  if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  const std::optional<std::uint64_t> lowest = outstanding_.Lowest();
  // A work queue takes no other start, and has nothing that was acknowledged.
  if (!lowest || stream().work_queue) return StartPoint{StartPoint::Kind::kFirst, 0};
  return StartPoint{StartPoint::Kind::kSequence, runs_.FirstUnsettledFrom(*lowest)};
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Rebind(const std::shared_ptr<Link>& link,
                                                           const ConsumerFacts& facts, bool made) {
  if (absl::Status asked = AskForPending(*link, facts); !asked.ok()) return asked;
  const std::string subject = NextInbox();
  return Bind(link, facts, subject, made);
}

// What was finished here and may not have been noted there, since its connection broke or the server changed its
// leader: it is not to be handled again by whoever gets it next.
absl::Status PushConsumer::AcknowledgeAgain(Link& link, const ConsumerFacts& facts) {
  const bool same = synchronised_before() && SameConsumer(facts.identity(), consumer());
  // Another that has it would wait in vain for what it asked the server for once more.
  const bool too_late = ownership_.state() == Ownership::State::kStandBy;
  if (spec_.ack_all || facts.pending == 0 || !same || too_late) return absl::OkStatus();
  return AcksBySequence(spec_.stream, spec_.consumer, facts.deliveries)
      .Ack(link, recent_acks_.After(facts.acknowledged));
}

// A new inbox brings everything pending, in every version but 2.10.27 (seen) and its neighbours: what those sent while
// nobody listened any more, they take for delivered too often, and forget. A Nak of all that may be pending puts it in
// the queue for redelivery, past that check; what is not pending is not touched by it.
absl::Status PushConsumer::AskForPending(Link& link, const ConsumerFacts& facts) {
  if (facts.pending == 0 || facts.delivered <= facts.acknowledged) return absl::OkStatus();
  const AcksBySequence acks(spec_.stream, spec_.consumer, facts.deliveries);
  const std::vector<std::uint64_t> pending = MayBePending(facts.acknowledged, facts.delivered);
  if (absl::Status sent = acks.Nak(link, pending); !sent.ok()) return sent;
  const milliseconds patience =
      kSettleBudget + milliseconds(static_cast<std::int64_t>(pending.size() / kAnsweredPerMillisecond));
  const absl::Status taken = acks.Await(link, patience, stop_token());
  return taken.ok() ? taken : absl::Status(taken.code(), absl::StrCat("ask for what is pending: ", taken.message()));
}

absl::StatusOr<PushConsumer::Outcome> PushConsumer::Bind(const std::shared_ptr<Link>& link, const ConsumerFacts& facts,
                                                         const std::string& subject, bool made) {
  if (absl::Status opened = OpenInbox(link, subject); !opened.ok()) return opened;
  const absl::Status put = PutAdjusted(facts.config, subject);
  if (absl::IsAlreadyExists(put)) return Outcome::kStandingBy;
  if (!put.ok()) return put;
  const std::uint64_t fence = TakeFence(*link);
  // Another process may have done the same at the same time: whose inbox it is now is whose consumer it is.
  const Clock::time_point asked = Clock::now();
  const absl::StatusOr<std::optional<ConsumerFacts>> bound =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token());
  if (!bound.ok()) return bound.status();
  if (!*bound || (*bound)->deliver_subject != subject) {
    ownership_.Lost(Clock::now());
    return Outcome::kStandingBy;
  }
  if (IsUnusedReplacement(**bound, facts.created)) {
    // It was deleted since the look, and binding it made it again from its first start.
    if (absl::Status gone = DeleteConsumer(api_, spec_.stream, spec_.consumer, stop_token()); !gone.ok()) return gone;
    return Outcome::kStandingBy;
  }
  if (absl::Status begun = Begin(**bound, asked, made, fence); !begun.ok()) return begun;
  return Outcome::kFlowing;
}

absl::Status PushConsumer::PutAdjusted(const Json& existing, const std::string& subject) {
  const Json wanted = Wanted(subject, {}), adjusted = Named(Adjusted(existing, wanted));
  TellChanges(existing, adjusted);
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, adjusted, stop_token());
  return put.ok() ? CheckTaken(spec_.consumer, put->config, wanted) : put.status();
}

absl::Status PushConsumer::Begin(const ConsumerFacts& bound, Clock::time_point asked, bool made, std::uint64_t fence) {
  const ConsumerIdentity before = consumer();
  if (absl::Status noted = NoteConsumer(bound.identity(), made); !noted.ok()) return noted;
  if (made || !SameConsumer(before, bound.identity())) {
    recent_acks_.Clear(epoch());
    awaited_.Clear();
  }
  gaps_.Expect(std::max(bound.delivered, stream().last_sequence));
  bound_config_ = bound.config;
  applied_window_ = static_cast<std::size_t>(UintMember(bound_config_, "max_ack_pending").value_or(0));
  // A new leader of a cluster can report that nothing is pending, and send it later all the same (2.9.10, seen by
  // chaos). An owner that goes on knows by itself what it has finished.
  const bool taken = !synchronised_before() || ownership_.lost() || fence != this->fence();
  learns_ = !connection_.clustered() && taken;
  if (taken) LogLine(log_, LogLevel::kInfo, Describe("owns it") + (fence == 0 ? "" : absl::StrCat("; fence ", fence)));
  SetFence(fence);
  ownership_.Taken(asked, fence);
  TellNews();
  runs_.BeginEpoch(epoch());
  TellLearned();
  // All that is pending comes again.
  outstanding_.StartAfter(bound.acknowledged);
  const std::vector<std::uint64_t> unknown = recent_acks_.After(bound.delivered);
  catches_up_to_.store(unknown.empty() ? 0 : unknown.back(), std::memory_order_relaxed);
  const bool insists = insists_.exchange(true, std::memory_order_relaxed);
  const RecoveryBarrier::Ranges settled = barrier_.Restart(bound.acknowledged, bound.delivered, bound.pending, insists);
  if (learns_) Tell(settled);
  recovering_.store(barrier_.up(), std::memory_order_relaxed);
  audit_.Restart();
  evicting_.clear();
  tries_since_.reset();
  insisting_.store(insists, std::memory_order_relaxed);
  bound_at_ = asked;
  last_delivery_.store(Stamp(Clock::now()), std::memory_order_relaxed);
  session_.store(claim_ ? claim_->session : 0, std::memory_order_relaxed);
  spoke_.store(false, std::memory_order_relaxed);
  proven_.store(Stamp(asked), std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace penstock::eventbus::jetstream
