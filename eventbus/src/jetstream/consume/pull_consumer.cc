// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/pull_consumer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/protocol/unique_name.h"
#include "naming/decimal.h"
#include "transport/refusal.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::seconds kRequestExpires(30);
constexpr std::chrono::seconds kRequestHeartbeat(5);
constexpr std::chrono::milliseconds kFirstBackoff(250);
constexpr std::chrono::milliseconds kLongestBackoff(5000);
constexpr std::chrono::milliseconds kDeleteBudget(500);

}  // namespace

PullConsumer::PullConsumer(Connection& connection, ConsumerSpec spec, ConsumerEvents events, LogSink log)
    : ConsumerSession(connection, std::move(spec), std::move(events), std::move(log)),
      name_(spec_.consumer.empty() ? "penstock_" + UniqueName() : spec_.consumer),
      next_subject_(connection.api_subjects().For(absl::StrCat("CONSUMER.MSG.NEXT.", spec_.stream, ".", name_))),
      credit_(spec_.max_in_flight) {}

absl::StatusOr<PullConsumer::Outcome> PullConsumer::Synchronise(const std::shared_ptr<Link>& link) {
  {
    MutexLock lock(mutex_);
    link_ = nullptr;
    credit_.Forget();
  }
  bool made = false;
  const absl::StatusOr<ConsumerFacts> consumer = EnsureConsumer(made);
  if (!consumer.ok()) return consumer.status();
  const std::string prefix = NextInbox() + ".";
  if (absl::Status opened = OpenInbox(link, prefix + "*"); !opened.ok()) return opened;
  if (absl::Status noted = NoteConsumer(consumer->identity(), made); !noted.ok()) return noted;
  if (std::exchange(stream_is_new_, false)) last_.reset();
  MutexLock lock(mutex_);
  link_ = link;
  reply_prefix_ = prefix;
  credit_.LimitRequests(UintMember(consumer->config, "max_batch").value_or(0));
  ask_from_ = {};
  return Outcome::kFlowing;
}

Json PullConsumer::Wanted() const { return ConsumerConfig(spec_, name_, "", WhereToBegin()); }

// One that is lost begins again behind what was settled when it was looked at last.
StartPoint PullConsumer::WhereToBegin() const {
  if (spec_.kind == ConsumerKind::kAtMostOnce) {
    const bool from_first = stream_is_new_ || (spec_.begins == Beginning::kFirst && !synchronised_before());
    return {from_first ? StartPoint::Kind::kFirst : StartPoint::Kind::kNew, 0};
  }
  if (settled() == 0 || stream().work_queue) return {StartPoint::Kind::kFirst, 0};
  return {StartPoint::Kind::kSequence, settled() + 1};
}

absl::StatusOr<ConsumerFacts> PullConsumer::EnsureConsumer(bool& made) {
  absl::StatusOr<std::optional<ConsumerFacts>> facts = LookUpConsumer(api_, spec_.stream, name_, stop_token());
  const bool makes_stream =
      spec_.kind == ConsumerKind::kAtMostOnce && spec_.makes_stream && !spec_.stream_spec.name.empty();
  if (!facts.ok() && !(makes_stream && IsStreamMissing(facts.status()))) return facts.status();
  if (facts.ok() && *facts) return Fit(**std::move(facts));
  if (makes_stream) {
    const absl::StatusOr<StreamFacts> stream = EnsureStream(api_, spec_.stream_spec, stop_token());
    if (!stream.ok()) return stream.status();
  }
  const bool had_stream = spec_.kind == ConsumerKind::kAtMostOnce ? synchronised_before() : settled() > 0;
  if (had_stream) {
    if (absl::Status looked = LookWhetherNew(); !looked.ok()) return looked;
  }
  made = true;
  return Put(Wanted());
}

// By more than its creation time, of which servers are not certain: what was delivered is not to come again.
absl::Status PullConsumer::LookWhetherNew() {
  if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  if (!stream_is_new_) return absl::OkStatus();
  const absl::StatusOr<std::optional<bool>> as_it_was = IsAsItWas(last_);
  if (as_it_was.ok()) stream_is_new_ = !as_it_was->value_or(false);
  return as_it_was.status();
}

// The reply to an update proves nothing of when the consumer was made.
absl::StatusOr<ConsumerFacts> PullConsumer::Fit(ConsumerFacts facts) {
  if (absl::Status fits = CheckFitsHere(facts.config, Wanted()); !fits.ok()) return fits;
  NoteSettled(facts.acknowledged);
  const Json adjusted = Adjusted(facts.config, Wanted());
  if (adjusted == facts.config) return facts;
  TellChanges(facts.config, adjusted);
  absl::StatusOr<ConsumerFacts> put = Put(adjusted);
  if (!put.ok()) return put.status();
  facts.config = std::move(put->config);
  return facts;
}

absl::StatusOr<ConsumerFacts> PullConsumer::Put(const Json& config) {
  absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, config, stop_token());
  if (!put.ok()) return put.status();
  if (absl::Status taken = CheckTaken(name_, put->config, Wanted()); !taken.ok()) return taken;
  return put;
}

PullConsumer::Clock::duration PullConsumer::LongestSilence() const {
  MutexLock lock(mutex_);
  return credit_.asked() > 0 ? Clock::duration(kRequestHeartbeat) * 5 / 2 : Clock::duration(std::chrono::hours(24));
}

void PullConsumer::OnMessage(MessageHandle message, bool more) {
  if (!more) Heard();
  const std::optional<AckSubject> ack = ParseAckSubject(message->reply());
  if (ack && ack->stream == spec_.stream) {
    last_ = {ack->stream_sequence, ack->stored_at};
    Deliver(std::move(message), *ack);
    if (!more || undelivered() >= kMostArrivals) HandOn();
    return;
  }
  HandOn();
  const std::optional<StatusMessage> status = ReadStatus(*message);
  if (!status) return WarnOfStranger();
  OnStatus(message->subject(), *status);
}

void PullConsumer::HandOn() {
  if (undelivered() == 0) return;
  {
    MutexLock lock(mutex_);
    credit_.Arrived(undelivered());
    backoff_ = std::chrono::milliseconds(0);
  }
  FlushArrivals();
}

void PullConsumer::OnStatus(std::string_view subject, const StatusMessage& status) {
  const StatusMeaning meaning = MeaningOf(status);
  if (meaning == StatusMeaning::kHeartbeat) return;
  MutexLock lock(mutex_);
  if (subject.size() <= reply_prefix_.size()) return;
  const std::optional<std::uint64_t> id = ParseDecimal<std::uint64_t>(subject.substr(reply_prefix_.size()));
  if (!id) return;
  credit_.Ended(*id, status.pending_messages);
  const Clock::time_point now = Clock::now();
  if (meaning != StatusMeaning::kRequestEnded) {
    backoff_ = std::clamp(backoff_ * 2, kFirstBackoff, kLongestBackoff);
    ask_from_ = now + backoff_;
  }
  if (meaning == StatusMeaning::kConsumerGone) RequestSynchronisation("the consumer is gone");
  if (meaning == StatusMeaning::kUnfit) RequestSynchronisation("the consumer refuses requests");
  Ask(now);
}

void PullConsumer::OnTick(const std::shared_ptr<Link>& /*link*/, Clock::time_point now) {
  MutexLock lock(mutex_);
  Ask(now);
}

void PullConsumer::AddCredit(std::size_t count) {
  MutexLock lock(mutex_);
  credit_.Granted(count);
  Ask(Clock::now());
}

void PullConsumer::Ask(Clock::time_point now) {
  if (link_ == nullptr || now < ask_from_) return;
  while (const std::optional<PullFlowControl::Request> request = credit_.Next()) {
    const std::string body =
        absl::StrCat("{\"batch\":", request->batch, ",\"expires\":", std::chrono::nanoseconds(kRequestExpires).count(),
                     ",\"idle_heartbeat\":", std::chrono::nanoseconds(kRequestHeartbeat).count(), "}");
    Heard();
    // When it cannot be sent, the connection is at an end, and the next one begins with all credit.
    if (!link_->Publish({next_subject_, body, absl::StrCat(reply_prefix_, request->id)}).ok()) return;
  }
}

void PullConsumer::OnStopped() {
  {
    MutexLock lock(mutex_);
    link_ = nullptr;
  }
  if (!spec_.consumer.empty() || !connection_.connected()) return;
  // Left to the server's own clearing-up when this fails.
  api_.Call(absl::StrCat("CONSUMER.DELETE.", spec_.stream, ".", name_), Json(), kDeleteBudget).IgnoreError();
}

}  // namespace penstock::eventbus::jetstream
