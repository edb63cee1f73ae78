// SPDX-License-Identifier: Apache-2.0
#include "jetstream/push_feed.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "jetstream/stream_api.h"

namespace penstock::eventbus::jetstream {

PushFeed::PushFeed(Connection& connection, FeedSpec spec, FeedEvents events, LogSink log, std::string inbox_prefix)
    : SynchronisedFeed(connection, std::move(spec), std::move(events), std::move(log)),
      inbox_prefix_(std::move(inbox_prefix)) {}

PushFeed::Clock::duration PushFeed::LongestSilence() const { return kPushHeartbeat * 5 / 2; }

std::string PushFeed::NextSubject() { return absl::StrCat(inbox_prefix_, ++inboxes_); }

absl::StatusOr<PushFeed::Outcome> PushFeed::Synchronise(const std::shared_ptr<Link>& link) {
  track_.Restart();
  lost_track_ = false;
  const absl::StatusOr<std::optional<ConsumerFacts>> facts =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, cancelled());
  if (!facts.ok()) return facts.status();
  return *facts ? TakeOver(link, **facts) : Make(link);
}

absl::StatusOr<PushFeed::Outcome> PushFeed::TakeOver(const std::shared_ptr<Link>& link, const ConsumerFacts& facts) {
  const std::string subject = NextSubject();
  const Json wanted = ConsumerConfig(spec_, spec_.consumer, subject, {});
  if (absl::Status fits = CheckFits(spec_.consumer, facts.config, wanted); !fits.ok()) return fits;
  // The server notes a little later that we have left our own last inbox.
  const bool ours = absl::StartsWith(facts.deliver_subject, inbox_prefix_);
  if (facts.bound && !ours) return Outcome::kStandingBy;
  return Bind(link, Adjusted(facts.config, wanted), subject, false);
}

absl::StatusOr<PushFeed::Outcome> PushFeed::Make(const std::shared_ptr<Link>& link) {
  const absl::StatusOr<StartPoint> start = WhereToBegin();
  if (!start.ok()) return start.status();
  const std::string subject = NextSubject();
  return Bind(link, ConsumerConfig(spec_, spec_.consumer, subject, *start), subject, true);
}

absl::StatusOr<PushFeed::Outcome> PushFeed::Bind(const std::shared_ptr<Link>& link, const Json& config,
                                                 const std::string& subject, bool made) {
  if (absl::Status opened = OpenInbox(link, subject); !opened.ok()) return opened;
  const absl::StatusOr<ConsumerFacts> put = PutConsumer(api_, spec_.stream, config, cancelled());
  if (absl::IsAlreadyExists(put.status())) return Outcome::kStandingBy;
  if (!put.ok()) return put.status();
  // Another process may have done the same at the same time: whose inbox it is now is whose consumer it is.
  const absl::StatusOr<std::optional<ConsumerFacts>> bound =
      LookUpConsumer(api_, spec_.stream, spec_.consumer, cancelled());
  if (!bound.ok()) return bound.status();
  if (!*bound || (*bound)->deliver_subject != subject) return Outcome::kStandingBy;
  unsettled_.SettledUpTo((*bound)->acknowledged);
  if (absl::Status noted = NoteConsumer((*bound)->created, made); !noted.ok()) return noted;
  return Outcome::kFlowing;
}

absl::StatusOr<StartPoint> PushFeed::WhereToBegin() {
  if (absl::Status looked = LookAtStream(); !looked.ok()) return looked;
  if (stream_made_again()) unsettled_.Clear();
  const std::optional<std::uint64_t> lowest = unsettled_.Lowest();
  if (!lowest) return StartPoint{StartPoint::Kind::kFirst, 0};
  return StartPoint{StartPoint::Kind::kSequence, *lowest};
}

void PushFeed::OnMessage(MessageHandle message, bool more) {
  if (lost_track_) return;
  Heard();
  const std::optional<AckSubject> ack = ParseAckSubject(ReplyOf(*message));
  if (!ack || ack->stream != spec_.stream) {
    FlushArrivals();
    return OnStatus(std::move(message));
  }
  if (!track_.Follows(ack->consumer_sequence)) return LoseTrack("a gap in what the server sent");
  unsettled_.Arrived(ack->stream_sequence);
  Deliver(std::move(message), *ack);
  if (!more || undelivered() >= kMostArrivals) FlushArrivals();
}

void PushFeed::OnStatus(MessageHandle message) {
  const std::optional<StatusMessage> status = ReadStatus(*message);
  if (!status) return WarnOfStranger();
  if (MeaningOf(*status) != StatusMeaning::kHeartbeat) return LoseTrack("the server ended the delivery");
  const bool up_to_date = track_.UpToDate(status->last_consumer_sequence.value_or(0));
  if (!up_to_date) LoseTrack("a gap before a heartbeat");
}

// What was collected before the gap is in order and may go on; it is pending at the server, so nothing is lost if it
// does not.
void PushFeed::LoseTrack(const char* why) {
  FlushArrivals();
  lost_track_ = true;
  RequestSynchronisation(why);
}

}  // namespace penstock::eventbus::jetstream
