// SPDX-License-Identifier: Apache-2.0
#include "jetstream/consume/pull_consumer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "jetstream/api/stream_api.h"
#include "naming/decimal.h"

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
      // An inbox is unique, and so is what is left of it when its dots are gone.
      name_(spec_.consumer.empty() ? absl::StrCat("penstock", absl::StrReplaceAll(inbox_prefix_, {{".", ""}}))
                                   : spec_.consumer),
      next_subject_(absl::StrCat("$JS.API.CONSUMER.MSG.NEXT.", spec_.stream, ".", name_)),
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
  if (absl::Status noted = NoteConsumer(consumer->created, made); !noted.ok()) return noted;
  MutexLock lock(mutex_);
  link_ = link;
  reply_prefix_ = prefix;
  ask_from_ = {};
  return Outcome::kFlowing;
}

absl::StatusOr<ConsumerFacts> PullConsumer::EnsureConsumer(bool& made) {
  absl::StatusOr<std::optional<ConsumerFacts>> facts = LookUpConsumer(api_, spec_.stream, name_, stop_token());
  if (!facts.ok()) return facts.status();
  const bool lossy = spec_.kind == ConsumerKind::kAtMostOnce;
  const StartPoint start{lossy ? StartPoint::Kind::kNew : StartPoint::Kind::kFirst, 0};
  const Json wanted = ConsumerConfig(spec_, name_, "", start);
  if (*facts) {
    const Json& existing = (*facts)->config;
    if (absl::Status fits = CheckFits(name_, existing, wanted); !fits.ok()) return fits;
    const Json adjusted = Adjusted(existing, wanted);
    if (adjusted == existing) return **std::move(facts);
    const absl::StatusOr<ConsumerFacts> changed = PutConsumer(api_, spec_.stream, adjusted, stop_token());
    if (!changed.ok()) return changed.status();
    return **std::move(facts);
  }
  if (lossy && !spec_.stream_spec.name.empty()) {
    const absl::StatusOr<StreamFacts> stream = EnsureStream(api_, spec_.stream_spec, stop_token());
    if (!stream.ok()) return stream.status();
  }
  made = true;
  return PutConsumer(api_, spec_.stream, wanted, stop_token());
}

PullConsumer::Clock::duration PullConsumer::LongestSilence() const {
  MutexLock lock(mutex_);
  return credit_.asked() > 0 ? Clock::duration(kRequestHeartbeat) * 5 / 2 : Clock::duration(std::chrono::hours(24));
}

void PullConsumer::OnMessage(MessageHandle message, bool more) {
  if (!more) Heard();
  const std::optional<AckSubject> ack = ParseAckSubject(message->reply());
  if (ack && ack->stream == spec_.stream) {
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
