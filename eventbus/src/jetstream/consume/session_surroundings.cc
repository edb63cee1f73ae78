// SPDX-License-Identifier: Apache-2.0
// What a session learns of its stream, its consumer and its permissions besides the messages.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jetstream/connection/log_line.h"
#include "jetstream/consume/acks_by_sequence.h"
#include "jetstream/consume/consumer_session.h"
#include "jetstream/protocol/server_version.h"
#include "stream/stream_review.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr ServerVersion kUpdatesWithStartTime = {2, 10, 0};
constexpr std::chrono::milliseconds kFirstProbe(1000);
constexpr std::chrono::milliseconds kProbeAgain(250);  // an election is not to hold up a session that ran
// Two of them are over before a lease is (`ownership_time::kLease`).
constexpr std::chrono::milliseconds kLookBudget(200);

// An answer to a delivery, or to a request for flow control; the question whether answers are taken is none.
bool IsAnswerOf(const std::string& subject, const std::string& stream, const std::string& consumer) {
  if (const std::optional<AckSubject> ack = ParseAckSubject(subject)) {
    return ack->stream == stream && ack->consumer == consumer;
  }
  return absl::StartsWith(subject, "$JS.FC.") &&
         absl::StrContains(subject, absl::StrCat(".", stream, ".", consumer, "."));
}

}  // namespace

absl::Status ConsumerSession::NoteConsumer(const ConsumerIdentity& consumer, bool made) {
  const bool first = !synchronised_before();
  const bool made_again = !first && (made || !SameConsumer(consumer, consumer_));
  if (first || made_again) {
    if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  }
  consumer_ = consumer;
  const bool stream_too = std::exchange(stream_made_again_, false);
  if (!made_again || stopping()) return absl::OkStatus();
  epoch_.fetch_add(1, std::memory_order_acq_rel);
  LogLine(log_, LogLevel::kWarning,
          Describe(made ? "it was gone and was created again"
                        : "the server tells another creation time; earlier deliveries are "
                          "not acknowledged any more"));
  if (stream_too) {
    highest_.store(0, std::memory_order_relaxed);
    outside_changes_.Forget();
    if (events_.on_stream_recreated) events_.on_stream_recreated();
  } else if (made && spec_.kind == ConsumerKind::kExclusive && events_.on_consumer_recreated) {
    events_.on_consumer_recreated();
  }
  return absl::OkStatus();
}

// It may have been made by somebody else since the subscription began.
absl::Status ConsumerSession::CheckStream(const StreamFacts& found) const {
  if (spec_.stream_spec.subjects.empty()) return absl::OkStatus();
  const bool lossy = spec_.kind == ConsumerKind::kAtMostOnce;
  const StreamNeed need{.use = lossy ? StreamUse::kPlainTopic : StreamUse::kEnvelopeTopic,
                        .access = StreamAccess::kConsume,
                        .wanted = spec_.stream_spec};
  return ReviewStream(found, need, StorageMismatch::kWarn).status;
}

// An unfiltered consumer fits a stream that has nothing else, which the stream tells.
absl::Status ConsumerSession::CheckFitsHere(const Json& existing, const Json& wanted) {
  if (stream_.created.empty()) {
    if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  }
  const Json limits = {{"inactive_threshold", stream_.inactive_threshold}, {"max_deliver", -1}};
  const bool forgets = spec_.kind != ConsumerKind::kAtMostOnce && stream_.inactive_threshold > 0;
  if (forgets) return CheckTaken(spec_.consumer, limits, wanted);
  return CheckFits(spec_.consumer, existing, wanted, Around(stream_));
}

Surroundings ConsumerSession::Around(const StreamIdentity& stream) const {
  return {.largest_message_bytes = connection_.max_payload_bytes(),
          .stream_subjects = stream.facts.sources.empty() ? stream.subjects : std::vector<std::string>(),
          .updates_with_start_time = IsAtLeast(connection_.server_version(), kUpdatesWithStartTime)};
}

void ConsumerSession::TellChanges(const Json& existing, const Json& adjusted) {
  const std::string changes = Changes(existing, adjusted);
  if (changes.empty()) return;
  LogLine(log_, LogLevel::kInfo, Describe("setting ") + changes);
}

// Once for each connection, which may have other permissions, and again after a refusal. That there is no consumer yet,
// or no answer in time, is no refusal.
absl::Status ConsumerSession::MayAnswer(Link& link) {
  if (spec_.kind == ConsumerKind::kAtMostOnce) return absl::OkStatus();
  if (asked_permission_on_ == link.generation() && !answer_refused_.load(std::memory_order_relaxed)) {
    return absl::OkStatus();
  }
  asked_permission_on_ = 0;
  answer_refused_.store(false, std::memory_order_relaxed);
  const AcksBySequence probe(spec_.stream, spec_.consumer, 0);
  const absl::Status answered = probe.Await(link, synchronised_before() ? kProbeAgain : kFirstProbe, stop_token());
  if (!absl::IsPermissionDenied(answered)) {
    asked_permission_on_ = link.generation();
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat("acknowledge: ", answered.message(),
                                                  "; allow it to publish to \"$JS.ACK.", spec_.stream, ".",
                                                  spec_.consumer, ".>\""));
}

// What it would have acknowledged comes again, and is handled again by the next process: nothing more is received until
// acknowledgements are taken.
void ConsumerSession::OnDenied(const std::string& subject) {
  if (spec_.kind == ConsumerKind::kAtMostOnce || !IsAnswerOf(subject, spec_.stream, spec_.consumer)) return;
  const std::uint64_t count = answers_refused_.fetch_add(1, std::memory_order_relaxed) + 1;
  answer_refused_.store(true, std::memory_order_relaxed);
  RequestSynchronisation("its answers are refused");
  if ((count & (count - 1)) != 0) return;  // 1, 2, 4, ...
  LogLine(log_, LogLevel::kError,
          Describe("the server refuses its answers, ") +
              absl::StrCat(count, " by now, to \"", subject, "\"; check the permissions of this user"));
}

void ConsumerSession::NoteArrival(const StoredMessage& last) {
  if (last.stream_sequence() < highest_.load(std::memory_order_relaxed)) return;
  highest_.store(last.stream_sequence(), std::memory_order_relaxed);
  followed_by_.store(last.pending(), std::memory_order_relaxed);
}

void ConsumerSession::Inspect(Clock::time_point now) {
  if (spec_.kind == ConsumerKind::kAtMostOnce || !outside_changes_.Due(now)) return;
  const std::optional<Json> expected = Expected();
  if (!expected) return;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, stop_token(), kLookBudget);
  if (!facts.ok()) return outside_changes_.Failed(now);
  if (!*facts) return;  // a loss is noticed otherwise
  floor_ = (*facts)->acknowledged;
  const absl::StatusOr<StreamIdentity> stream = IdentifyStream(api_, spec_.stream, stop_token(), kLookBudget);
  if (!stream.ok()) return outside_changes_.Failed(now);
  for (const std::string& sentence : outside_changes_.Saw({.paused_until = PausedUntil((*facts)->config),
                                     .first_sequence = stream->first_sequence,
                                     .delivered = (*facts)->delivered,
                                     .undelivered = (*facts)->undelivered,
                                     .highest_here = highest_.load(std::memory_order_relaxed),
                                     .followed_by = followed_by_.load(std::memory_order_relaxed),
                                     .lowest_in_hand = LowestInHand()})) {
    LogLine(log_, LogLevel::kWarning, Describe(sentence));
  }
  InspectSettings((*facts)->config, *expected, *stream);
}

void ConsumerSession::InspectSettings(const Json& config, const Json& expected, const StreamIdentity& stream) {
  if (!CheckFits(spec_.consumer, config, expected, Around(stream)).ok())
    return RequestSynchronisation("it fits no longer");
  const std::string changes = Changes(config, Adjusted(config, expected));
  if (changes.empty()) return;
  LogLine(log_, LogLevel::kWarning, Describe("somebody changed its settings; setting ") + changes);
  RequestSynchronisation("its settings were changed");
}

}  // namespace penstock::eventbus::jetstream
