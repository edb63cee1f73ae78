// SPDX-License-Identifier: Apache-2.0
// How the model of a push consumer comes to deliver: the steps of `PushConsumer::Synchronise`, each a request of its
// own.
#include <optional>
#include <utility>

#include "jetstream/recovery/may_be_pending.h"
#include "jetstream/recovery/settled_report.h"
#include "simulation/model_consumer.h"

namespace penstock::eventbus::simulation {
namespace {

using jetstream::Ownership;
using jetstream::StreamLineage;
using std::chrono::microseconds;
using std::chrono::milliseconds;
namespace times = jetstream::ownership_time;

// A synchronisation that is not answered is tried again.
constexpr milliseconds kPatience{1500};
// Nobody starts a process just when the consumer was deleted.
constexpr milliseconds kDeference{5000};

}  // namespace

std::function<void()> ModelConsumer::IfCurrent(std::function<void()> what) {
  return [this, attempt = attempt_, what = std::move(what)] {
    if (!stopped_ && attempt == attempt_) what();
  };
}

void ModelConsumer::LookAgain(microseconds after) {
  event_queue_.After(after, IfCurrent([this] { Try(++attempt_); }));
}

void ModelConsumer::Try(std::uint64_t attempt) {
  if (stopped_ || attempt != attempt_) return;
  if (!network_.reachable() && link_ == 0) return LookAgain(random_.Between(milliseconds{20}, milliseconds{100}));
  if (link_ == 0) link_ = network_.Open(*this, server_);
  event_queue_.After(kPatience, IfCurrent([this] {
                       if (!flowing_) Synchronise(random_.Between(milliseconds{100}, milliseconds{500}));
                     }));
  network_.Request(link_, [this, attempt](Network::Side& side) -> Network::Answer {
    return [this, attempt, sight = network_.Look(side, *this)] {
      if (!stopped_ && attempt == attempt_) Looked(sight);
    };
  });
}

void ModelConsumer::Looked(const Sight& sight) {
  // Who knows nothing would begin with the stream, and at once.
  if (!sight.exists && !knows() && network_.OthersKnow(*this)) {
    if (ignorant_since_ == TimePoint{}) ignorant_since_ = event_queue_.now();
    if (event_queue_.now() - ignorant_since_ < kDeference) return LookAgain(milliseconds{100});
  }
  std::optional<Ownership::Sight> seen;
  if (sight.exists) {
    seen = {.ours = sight.ours, .bound = sight.bound, .released = sight.released, .inbox = std::to_string(sight.inbox)};
    floor_told_ = sight.floor;
    floor_generation_ = sight.stream_generation;
    if (floor_of_ != sight.incarnation && !LookAtStream(sight)) return;
    floor_of_ = sight.incarnation;
    outstanding_.SettledUpTo(sight.floor);
  }
  const Ownership::Step step = ownership_.Saw(seen, event_queue_.now());
  TellNews();
  if (!scenario_.clustered) return Decided(sight, step != Ownership::Step::kStandBy);
  Claim(sight, step);
}

void ModelConsumer::Claim(const Sight& sight, Ownership::Step step) {
  const bool wants = step != Ownership::Step::kStandBy;
  const bool waits =
      ownership_.state() == Ownership::State::kVacant || ownership_.state() == Ownership::State::kMissing;
  if (!wants && !waits) return Decided(sight, false);
  lease_.TryClaim(!wants, [this, sight, wants, attempt = attempt_](const ModelLease::Result& result) {
    if (stopped_ || attempt != attempt_) return;
    if (!result.answered) return LookAgain(random_.Between(milliseconds{100}, milliseconds{500}));
    if (claim_ != result.session.value_or(0)) learned_in_ = 0;
    claim_ = result.session.value_or(0);
    claim_revision_ = result.revision;
    if (sight.exists) LearnSettled(sight, result.reports);
    Decided(sight, wants && claim_ != 0);
  });
}

void ModelConsumer::LearnSettled(const Sight& sight, const std::vector<std::string>& reports) {
  if (claim_ == 0 || claim_ == std::exchange(learned_in_, claim_)) return;
  for (const std::string& text : reports) {
    const auto report = jetstream::DecodeSettledReport(text);
    if (!report || report->consumer_created != std::to_string(sight.incarnation)) continue;
    if (report->stream_created != std::to_string(sight.stream_generation)) continue;
    runs_.Learn(report->runs, report->mark);
    learned_.insert(learned_.end(), report->runs.begin(), report->runs.end());
  }
}

void ModelConsumer::ReportSettled() {
  if (claim_ == 0) return;
  jetstream::SettledRuns::Excerpt some = runs_.Some(jetstream::SettledReport::kMostRuns);
  if (some.runs.empty()) return;
  const jetstream::SettledReport report{.stream_created = std::to_string(stream_generation_),
                                        .consumer_created = std::to_string(incarnation_),
                                        .mark = some.mark,
                                        .runs = std::move(some.runs)};
  lease_.Report(jetstream::Encode(report));
}

void ModelConsumer::Decided(const Sight& sight, bool may_take) {
  if (!sight.exists) return may_take ? Make(sight) : StandBy(sight);
  AcknowledgeAgain(sight);
  if (!may_take) return StandBy(sight);
  AskForPending(sight, false);
}

void ModelConsumer::AcknowledgeAgain(const Sight& sight) {
  if (sight.incarnation != incarnation_ || ownership_.state() == Ownership::State::kStandBy) return;
  for (const std::uint64_t sequence : recent_acks_.After(sight.floor)) {
    network_.Send(link_, [this, sequence](ModelServer& server) { server.Ack(sequence, event_queue_.now()); });
  }
  network_.Request(link_,
                   [this, told = event_queue_.now(), losses = network_.losses(),
                    up_to = sight.delivered](Network::Side& side) -> Network::Answer {
                     if (!network_.IsCommitted(side) || losses != network_.losses()) return {};
                     told_ = told;
                     told_losses_ = losses;
                     told_up_to_ = up_to;
                     return {};
                   });
}

void ModelConsumer::StandBy(const Sight& sight) {
  if (sight.exists) outstanding_.AnotherStandsAt(sight.floor);
  const auto usual = random_.Between(times::kShortestPause, times::kLongestPause);
  LookAgain(std::chrono::duration_cast<microseconds>(ownership_.Pause(event_queue_.now(), usual)) + microseconds{1});
}

// False when the server lags behind, which is to be looked at again.
bool ModelConsumer::LookAtStream(const Sight& sight) {
  const bool same_time = stream_generation_ == 0 || sight.stream_generation == stream_generation_;
  std::optional<bool> as_it_was;
  if (lineage_.Doubts(same_time, sight.last)) as_it_was = true;
  const StreamLineage::Verdict verdict = lineage_.Saw(same_time, sight.last, as_it_was, event_queue_.now());
  if (verdict == StreamLineage::Verdict::kLags) {
    trace_.Note("the server lags behind, last", sight.last, "and sent", lineage_.highest());
    Synchronise(random_.Between(milliseconds{100}, milliseconds{500}));
    return false;
  }
  stream_generation_ = sight.stream_generation;
  if (verdict == StreamLineage::Verdict::kSame) return true;
  stream_made_again_ = true;
  outstanding_.EndAt(lineage_.highest());
  runs_.EndAt(lineage_.highest());
  learned_.clear();
  return true;
}

void ModelConsumer::Make(const Sight& sight) {
  if (!LookAtStream(sight)) return;
  const std::optional<std::uint64_t> lowest = outstanding_.Lowest();
  const std::uint64_t start = lowest ? runs_.FirstUnsettledFrom(*lowest) : 1;
  network_.Request(
      link_,
      [this, start, attempt = attempt_, generation = sight.stream_generation](Network::Side& side) -> Network::Answer {
        const bool same = generation == network_.stream_generation();
        if (!network_.IsCommitted(side) || !same) return {};
        if (!side.server.has_consumer()) network_.MakeConsumer(*this, start);
        return [this, attempt, made = network_.Look(side, *this)] {
          if (stopped_ || attempt != attempt_) return;
          // Another process may have made it just now.
          made.ours&& made.exists ? AskForPending(made, true) : LookAgain(times::kShortestPause);
        };
      });
}

// Some of it may arrive late, after a next try.
void ModelConsumer::AskForPending(const Sight& sight, bool made) {
  if (sight.pending == 0 || sight.delivered <= sight.floor) return Bind(made);
  for (const std::uint64_t sequence : jetstream::MayBePending(sight.floor, sight.delivered)) {
    network_.AskFor(link_, sequence);
  }
  network_.Request(link_,
                   [this, made](Network::Side&) -> Network::Answer { return IfCurrent([this, made] { Bind(made); }); });
}

void ModelConsumer::Bind(bool made) {
  network_.Request(link_, [this, made, attempt = attempt_](Network::Side& side) -> Network::Answer {
    if (attempt != attempt_ || stopped_) return {};
    if (!side.server.has_consumer()) return IfCurrent([this] { LookAgain(times::kShortestPause); });
    if (!network_.Bind(side, link_, *this)) return IfCurrent([this] { Refused(); });
    // `PushConsumer` asks for it in between.
    if (!scenario_.clustered) issued_fence_ = network_.IssueFence(issued_fence_);
    return IfCurrent([this, made] {
      network_.Request(link_, [this, made, asked = event_queue_.now()](Network::Side& now_there) -> Network::Answer {
        return IfCurrent([this, made, asked, sight = network_.Look(now_there, *this)] { Bound(sight, asked, made); });
      });
    });
  });
}

void ModelConsumer::Refused() {
  const bool stands_by = ownership_.state() == Ownership::State::kStandBy;
  if (!ownership_.Refused(event_queue_.now()) || stands_by) return LookAgain(times::kShortestPause);
  trace_.Note("the server holds the consumer for a connection that is gone");
  MakeAgain();
}

void ModelConsumer::MakeAgain() {
  network_.Request(link_, [this, attempt = attempt_](Network::Side& side) -> Network::Answer {
    if (attempt != attempt_ || stopped_ || !network_.IsCommitted(side)) return {};
    const Sight there = network_.Look(side, *this);
    if (there.exists && !there.ours) return IfCurrent([this] { LookAgain(times::kShortestPause); });
    network_.DeleteConsumer();
    return IfCurrent([this, gone = network_.Look(side, *this)] { Make(gone); });
  });
}

void ModelConsumer::Bound(const Sight& sight, TimePoint asked, bool made) {
  if (!sight.exists || !sight.ours || sight.inbox != link_) {
    ownership_.Lost(event_queue_.now());
    return Synchronise(times::kShortestPause);
  }
  const bool another = made || sight.incarnation != incarnation_;
  if (another && !LookAtStream(sight)) return;
  NoteConsumer(sight, made);
  if (another) {
    recent_acks_.Clear();
    awaited_.Clear();
  }
  fence_ = claim_ != 0 ? claim_revision_ : issued_fence_;
  ownership_.Taken(asked, fence_);
  TellNews();
  runs_.BeginEpoch(incarnation_);
  for (const auto& [first, last] : std::exchange(learned_, {})) events_.on_ack_state_recovered(first, last);
  outstanding_.StartAfter(sight.floor);
  barrier_.Restart(sight.floor, sight.delivered, sight.pending, std::exchange(insists_, true));
  audit_.Restart();
  lineage_.Settled();
  floor_told_ = sight.floor;
  floor_generation_ = sight.stream_generation;
  came_.clear();
  flowing_ = true;
  flows_since_ = event_queue_.now();
  proven_ = asked;
  heard_ = last_delivery_ = event_queue_.now();
  if (!scenario_.clustered) undisturbed_since_ = event_queue_.now();
  trace_.Note("synchronised, inbox", link_, "ack floor", sight.floor);
  SetWindow(window_);
  if (std::exchange(cut_once_more_, false)) return Synchronise(random_.Between(milliseconds{1}, milliseconds{2000}));
  for (const Early& each : std::exchange(early_, {})) Receive(sight.inbox, each.messages, each.gap);
}

void ModelConsumer::NoteConsumer(const Sight& sight, bool made) {
  const bool first = incarnation_ == 0;
  const bool stream_too = std::exchange(stream_made_again_, false);
  const bool another = made || sight.incarnation != incarnation_;
  incarnation_ = sight.incarnation;
  if (first || !another) return;
  if (stream_too) {
    trace_.Note("the stream is another");
    events_.on_stream_recreated();
  } else if (made) {
    events_.on_consumer_recreated();
  }
}

}  // namespace penstock::eventbus::simulation
