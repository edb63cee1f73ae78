// SPDX-License-Identifier: Apache-2.0
#include "simulation/delay/model_relay.h"

#include <algorithm>
#include <string>

#include "jetstream/ownership/ownership_times.h"

namespace penstock::eventbus::simulation {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTurn{20}, kLook{50}, kReadAhead{500}, kRetry{1000}, kPause{200};
constexpr char kMarkSubject[] = "mark";
constexpr std::uint64_t kOwnKey = std::uint64_t{1} << 32;

/// A delayed message with its body.
class DelayedBody final : public StoredMessage {
 public:
  explicit DelayedBody(const DelayedEntry& entry) : entry_(entry) {
    stream_sequence_ = entry.sequence;
    size_bytes_ = entry.bytes;
  }
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override { return nullptr; }

  const DelayedEntry& entry() const { return entry_; }

 private:
  const DelayedEntry entry_;
};

}  // namespace

ModelRelay::ModelRelay(const Scenario& scenario, EventQueue& event_queue, DelayedStream& stream, DelayChecker& checker,
                       const Ledger& ledger, int process)
    : event_queue_(event_queue),
      stream_(stream),
      checker_(checker),
      ledger_(ledger),
      process_(process),
      book_({.most_bytes = scenario.relay_bytes, .most_unacknowledged = scenario.relay_window}) {
  stream_.Join(*this);
}

DelayedStream::Answer ModelRelay::Here(DelayedStream::Answer what) {
  return [this, what = std::move(what)] {
    if (!stopped_) what();
  };
}

// The end of a step that blocked.
DelayedStream::Answer ModelRelay::Done(DelayedStream::Answer what) {
  return Here([this, what = std::move(what)] {
    busy_ = false;
    what();
    event_queue_.now() - turn_began_ < kTurn ? Steps() : Turn();
  });
}

// News.

void ModelRelay::Arrived(const std::vector<DelayedEntry>& entries) {
  news_.arrived.insert(news_.arrived.end(), entries.begin(), entries.end());
  TellNews();
}

void ModelRelay::Owns(bool ours) {
  if (!ours) {
    others_own_ = owned_;
    return;
  }
  owned_ = true;
  if (!std::exchange(others_own_, false)) return;
  news_.arrived.clear();
  news_.others_owned = true;
  TellNews();
}

void ModelRelay::Proven(TimePoint sent) {
  proven_ = sent;
  WakeAt(event_queue_.now());
}

void ModelRelay::StreamMadeAgain() {
  news_.arrived.clear();
  news_.others_owned = news_.other_stream = true;
  TellNews();
}

void ModelRelay::TellNews() {
  news_.any = true;
  WakeAt(event_queue_.now());
}

void ModelRelay::Stop(bool released) {
  if (std::exchange(stopped_, true)) return;
  stream_.Leave(*this, released);
}

// The relay's thread.

void ModelRelay::WakeAt(TimePoint when) {
  if (when >= next_ || busy_) return;
  next_ = when;
  event_queue_.At(when, Here([this, when] {
                    if (when == next_) Turn();
                  }));
}

void ModelRelay::Turn() {
  next_ = TimePoint::max();
  if (busy_) return;
  turn_began_ = event_queue_.now();
  Heed();
  Steps();
}

void ModelRelay::Steps() {
  while (!stopping_ && Step()) {
  }
  news_.any ? WakeAt(event_queue_.now()) : LookLater();
}

// Only shortly before something is due: the product looks more often.
void ModelRelay::LookLater() {
  const TimePoint now = event_queue_.now();
  const auto due = book_.NextLook();
  if (!due || busy_ || stopping_ || !MayHandle()) return;
  const auto left = *due - WallTime(now);
  WakeAt(left > kReadAhead ? now + (left - kReadAhead)
                           : now + std::clamp<std::chrono::nanoseconds>(left, milliseconds{1}, kLook));
}

void ModelRelay::Heed() {
  const News news = std::exchange(news_, {});
  if (news.other_stream) {
    book_.ForgetStream();
    removals_.Forget();
  }
  if (news.others_owned) book_.BeginAnew();
  for (const DelayedEntry& entry : news.arrived) Note(entry, /*with_body=*/true);
  if (!news.arrived.empty()) stream_.Acknowledge(*this, news.arrived.back().sequence);
  for (const auto& [ticket, stored] : news.published) Settle(ticket, stored);
  for (const auto& [sequence, epoch] : news.removed) book_.Removed(sequence, epoch);
  for (const auto& [beginning, sequence] : news.marks) Marked(beginning, sequence);
}

void ModelRelay::Note(const DelayedEntry& entry, bool with_body) {
  if (entry.mark) {
    if (book_.Note(entry.sequence, kMarkSubject, {.mark = true}, nullptr) == RelayBook::Noted::kRemove)
      RemoveSoon(entry.sequence, kMarkSubject);
    return;
  }
  const std::uint64_t key = ledger_.KeyOf(entry.event);
  DelayedFacts facts{.key = key != 0 ? key : kOwnKey + entry.event, .called_off = entry.called_off};
  if (!entry.called_off) facts.due = WallTime(entry.due);
  std::string subject = std::to_string(entry.event);
  auto body = with_body ? std::make_unique<DelayedBody>(entry) : nullptr;
  if (book_.Note(entry.sequence, subject, facts, std::move(body)) != RelayBook::Noted::kRemove) return;
  RemoveSoon(entry.sequence, std::move(subject));
}

void ModelRelay::RemoveSoon(std::uint64_t sequence, std::string subject, bool look) {
  removals_.Add(sequence, book_.epoch(), std::move(subject), look);
  Remove();
}

void ModelRelay::Settle(const RelayBook::Ticket& ticket, bool stored) {
  const DueQueue::Waiting* const out = book_.Answered(ticket);
  if (out == nullptr) return;
  if (!stored) return book_.PutBack(ticket.sequence, WallTime(event_queue_.now() + kRetry));
  RemoveSoon(ticket.sequence, out->subject);
  book_.Stored(ticket.sequence);
}

bool ModelRelay::MayHandle() const {
  return event_queue_.now() < proven_ + jetstream::ownership_time::kLease && !others_own_ && !news_.others_owned;
}

bool ModelRelay::Step() {
  if (busy_ || !MayHandle() || (!book_.loaded() && event_queue_.now() < loads_from_)) return false;
  const RelayBook::Step step = book_.Next(WallTime(event_queue_.now()));
  switch (step.kind) {
    case RelayBook::Step::Kind::kNothing:
      return false;
    case RelayBook::Step::Kind::kMark:
      PutMark();
      return true;
    case RelayBook::Step::Kind::kLoad:
      Load();
      return true;
    case RelayBook::Step::Kind::kPublish:
      Publish(step.sequence);
      return true;
    case RelayBook::Step::Kind::kRead:
      Read(step.unread);
      return true;
  }
  return false;
}

void ModelRelay::PutMark() {
  const auto tell = [this, beginning = book_.beginning()](std::uint64_t sequence) {
    return Here([this, beginning, sequence] {
      news_.marks.emplace_back(beginning, sequence);
      TellNews();
    });
  };
  stream_.Ask([this, tell]() -> DelayedStream::Answer { return tell(stream_.StoreMark()); }, tell(0));
}

void ModelRelay::Marked(std::uint64_t beginning, std::uint64_t sequence) {
  if (sequence > 0) return book_.Marked(beginning, sequence);
  if (!book_.NotMarked(beginning)) return book_.Marked(beginning, 0);
  LoadFrom(event_queue_.now() + kRetry);
}

void ModelRelay::LoadFrom(TimePoint when) {
  loads_from_ = when;
  WakeAt(when);
}

void ModelRelay::Load() {
  busy_ = true;
  stream_.Ask(
      [this]() -> DelayedStream::Answer {
        return Done([this, entries = stream_.Reading()] {
          for (const auto& [sequence, entry] : entries) Note(entry, /*with_body=*/false);
          if (!book_.Loaded(entries.empty() ? 0 : entries.rbegin()->first))
            return LoadFrom(event_queue_.now() + kReadAhead);
          if (book_.mark() > 0) RemoveSoon(book_.mark(), kMarkSubject, /*look=*/true);
        });
      },
      Done([this] { LoadFrom(event_queue_.now() + kRetry); }));
}

void ModelRelay::Read(const DueQueue::Unread& unread) {
  busy_ = true;
  stream_.Ask(
      [this, unread, generation = stream_.generation()]() -> DelayedStream::Answer {
        const DelayedEntry* const found = generation == stream_.generation() ? stream_.Find(unread.sequence) : nullptr;
        if (found == nullptr) return Done([this, unread] { book_.Erase(unread); });
        return Done([this, unread, entry = *found] { book_.Fill(unread, std::make_unique<DelayedBody>(entry)); });
      },
      Done([this, unread] { book_.PutOff(unread, WallTime(event_queue_.now() + kReadAhead)); }));
}

void ModelRelay::Publish(std::uint64_t sequence) {
  const DueQueue::Waiting& out = *book_.Out(sequence);
  const DelayedEntry entry = static_cast<const DelayedBody&>(*out.message).entry();
  const RelayBook::Ticket ticket = book_.TicketOf(sequence);
  book_.Sent();
  checker_.Sends(entry, process_, event_queue_.now());
  const auto tell = [this, ticket, entry](bool stored) {
    return Here([this, ticket, entry, stored] {
      checker_.Told(entry, process_, stored);
      news_.published.emplace_back(ticket, stored);
      TellNews();
    });
  };
  stream_.Ask([this, entry, tell]() -> DelayedStream::Answer { return tell(stream_.PutForward(entry)); }, tell(false));
}

// The thread that removes.

void ModelRelay::Remove() {
  if (removing_ || removals_.empty()) return;
  removing_ = true;
  const RemovalQueue::Item item = *removals_.Take();
  if (!item.look_first) return RemoveNow(item);
  stream_.Ask(
      [this, item]() -> DelayedStream::Answer {
        const DelayedEntry* const there = stream_.Find(item.sequence);
        const bool another =
            there == nullptr || (there->mark ? kMarkSubject : std::to_string(there->event)) != item.subject;
        return Here([this, item, another] { another ? Removed(item) : RemoveNow(item); });
      },
      Here([this, item] { NotRemoved(item); }));
}

// One that is under way when the stream is deleted comes to nothing.
void ModelRelay::RemoveNow(const RemovalQueue::Item& item) {
  stream_.Ask(
      [this, item, generation = stream_.generation()]() -> DelayedStream::Answer {
        if (generation != stream_.generation()) return nullptr;
        checker_.Removes(item.sequence);
        stream_.Delete(item.sequence);
        return Here([this, item] { Removed(item); });
      },
      Here([this, item] { NotRemoved(item); }));
}

void ModelRelay::Removed(const RemovalQueue::Item& item) {
  removals_.Tried(/*refused=*/false);
  news_.removed.emplace_back(item.sequence, item.epoch);
  removing_ = false;
  TellNews();
  Remove();
}

void ModelRelay::NotRemoved(const RemovalQueue::Item& item) {
  removals_.Tried(/*refused=*/false);
  event_queue_.After(kPause, Here([this, item] {
                       removals_.PutBack(item);
                       removing_ = false;
                       Remove();
                     }));
}

}  // namespace penstock::eventbus::simulation
