// SPDX-License-Identifier: Apache-2.0
#include "bus/delay/delay_relay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/delay/delayed_message.h"
#include "penstock/actorpool/internal/deadline.h"
#include "penstock/actorpool/internal/thread_name.h"
#include "transport/refusal.h"

namespace penstock::eventbus {
namespace {

using std::chrono::steady_clock;
using std::chrono::system_clock;

constexpr char kDurable[] = "penstock-relay";
constexpr std::size_t kWindow = 4096;
// News can come without an end, and so can what is due. A cancellation is news, and a step may have blocked.
constexpr std::chrono::milliseconds kTurn{20};
constexpr std::chrono::milliseconds kReadAgain{500};
// Ownership comes and goes without a word.
constexpr std::chrono::milliseconds kLook{50};
constexpr std::chrono::milliseconds kRetry{1000}, kRetryRefused{10'000};

std::chrono::milliseconds RetryAfter(const absl::Status& why) { return IsRefusal(why) ? kRetryRefused : kRetry; }

std::int64_t Nanoseconds(system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

DelayRelay::DelayRelay(const BusOptions& options, Transport& transport, TopicStreams& streams, std::size_t most_bytes)
    : options_(options),
      transport_(transport),
      streams_(streams),
      spec_(streams.DelayedSpec()),
      // Others want to publish, too.
      book_({.most_bytes = most_bytes, .most_unacknowledged = std::max<std::size_t>(options.publish_window / 2, 1)}),
      removals_(
          transport, spec_.name,
          [this](std::uint64_t sequence, std::uint64_t epoch) {
            Tell([&](News& news) { news.removed.push_back({sequence, epoch}); });
          },
          [this](const absl::Status& why) { TellTrouble("remove what was published", why); }) {}

void DelayRelay::Start() {
  if (started_.exchange(true)) return;
  const MutexLock lock(mutex_);
  if (stop_at_) return;
  ended_ = false;
  thread_ = std::thread([this] { Run(); });
}

void DelayRelay::BeginStop(Deadline deadline) {
  const MutexLock lock(mutex_);
  stop_at_ = deadline;
  changed_.NotifyAll();
}

// The thread may wait for room to publish, for longer than the deadline.
void DelayRelay::Stop(Deadline deadline) {
  BeginStop(deadline);
  std::shared_ptr<Consumer> consumer;
  {
    MutexLock lock(mutex_);
    while (!ended_ && changed_.WaitUntil(lock, deadline)) {
    }
    consumer = consumer_;
  }
  if (consumer) consumer->Stop();
  removals_.Stop();
}

DelayRelay::~DelayRelay() {
  Stop({});
  std::thread thread;
  {
    const MutexLock lock(mutex_);
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
  if (const auto consumer = this->consumer()) consumer->Stop();  // opened after `Stop`
}

void DelayRelay::Run() {
  SetThreadName("ps-delay");
  while (!Stopping()) {
    Heed(Await());
    if (!consumer()) Open();
    owner_.store(Owns(), std::memory_order_relaxed);
    const Deadline until = DeadlineAfter(kTurn);
    while (!Stopping() && Step() && (!HasNews() || steady_clock::now() < until)) {
    }
    Count();
  }
  End();
}

void DelayRelay::End() {
  if (const auto consumer = this->consumer()) {
    consumer->StopArrivals();
    while (book_.has_out() && !removals_.refused() && steady_clock::now() < NextLook()) Heed(Await());
    consumer->Stop();  // a successor need not wait for the handlers of a drain
  }
  const MutexLock lock(mutex_);
  ended_ = true;
  changed_.NotifyAll();
}

std::shared_ptr<Consumer> DelayRelay::consumer() const {
  const MutexLock lock(mutex_);
  return consumer_;
}

template <typename Change>
void DelayRelay::Tell(Change change) {
  const MutexLock lock(mutex_);
  change(news_);
  news_.any = true;
  changed_.NotifyAll();
}

DelayRelay::News DelayRelay::Await() {
  const auto look = NextLook();
  MutexLock lock(mutex_);
  const std::optional<Deadline> stop_at = stop_at_;
  const Deadline until = stop_at.value_or(look);
  while (!news_.any && stop_at_ == stop_at && changed_.WaitUntil(lock, until)) {
  }
  return std::exchange(news_, {});
}

// When it stops, the end of its time.
DelayRelay::Deadline DelayRelay::NextLook() const {
  {
    const MutexLock lock(mutex_);
    if (stop_at_) return *stop_at_;
  }
  const auto now = steady_clock::now();
  const auto due = book_.NextLook();
  if (!due || !owner_.load(std::memory_order_relaxed)) return now + kLook;
  const auto left = *due - system_clock::now();
  return left.count() > 0 ? std::min(LaterBy(now, left), now + kLook) : now + kLook;
}

bool DelayRelay::HasNews() const {
  const MutexLock lock(mutex_);
  return news_.any;
}

bool DelayRelay::Stopping() const {
  const MutexLock lock(mutex_);
  return stop_at_.has_value();
}

void DelayRelay::Open() {
  if (steady_clock::now() < opens_from_) return;
  absl::Status opened = streams_.EnsureDelayed(StreamAccess::kConsume).status();
  if (opened.ok()) {
    auto consumer = transport_.OpenConsumer({.stream = spec_.name,
                                             .consumer = kDurable,
                                             .filter_subject = spec_.subjects.front(),
                                             .kind = ConsumerKind::kExclusive,
                                             .max_in_flight = kWindow,
                                             .ack_all = true,
                                             .stream_spec = spec_},
                                            Events());
    opened = consumer.status();
    if (opened.ok()) Keep(*std::move(consumer));
  }
  opens_from_ = steady_clock::now() + RetryAfter(opened);
  if (!opened.ok()) TellTrouble("begin", opened);
}

void DelayRelay::Keep(std::shared_ptr<Consumer> consumer) {
  {
    const MutexLock lock(mutex_);
    consumer_.swap(consumer);
  }
  if (consumer) consumer->Stop();
}

ConsumerEvents DelayRelay::Events() {
  const auto begin_anew = [this](bool other_stream) {
    Tell([&](News& news) {
      news.arrived.clear();  // somebody else may have published them
      news.others_owned = true;
      news.other_stream |= other_stream;
    });
  };
  return {.on_messages =
              [this](std::vector<std::unique_ptr<StoredMessage>> messages) {
                Tell([&](News& news) { std::ranges::move(messages, std::back_inserter(news.arrived)); });
              },
          .on_idle = [] {},
          .on_stream_recreated = [begin_anew] { begin_anew(true); },
          .on_consumer_recreated = [] {},
          .on_ack_state_recovered = [](std::uint64_t, std::uint64_t) {},
          .on_settled_elsewhere = [](std::uint64_t) {},
          .on_closed = [this](absl::Status why) { Tell([&](News& news) { news.closed = std::move(why); }); },
          .on_ownership_lost = [begin_anew] { begin_anew(false); }};
}

void DelayRelay::Heed(News news) {
  if (news.other_stream) {
    book_.ForgetStream();
    removals_.Forget();
  }
  if (news.others_owned) book_.BeginAnew();
  Acknowledge(news.arrived);
  for (auto& message : news.arrived) Admit(std::move(message));
  for (const Published& each : news.published) Settle(each);
  for (const Removed& each : news.removed) book_.Removed(each.sequence, each.epoch);
  for (const Mark& each : news.marks) Marked(each);
  if (!news.closed) return;
  TellTrouble("go on", *news.closed);
  Keep(nullptr);
  book_.BeginAnew();
}

// Whatever comes is acknowledged at once, since the stream keeps it until it was published. What the server is not told
// comes again.
void DelayRelay::Acknowledge(const std::vector<std::unique_ptr<StoredMessage>>& messages) {
  const auto consumer = this->consumer();
  if (!consumer || messages.empty()) return;
  std::vector<Acknowledgement> acknowledgements;
  acknowledgements.reserve(messages.size());
  for (const auto& message : messages) acknowledgements.push_back({message.get(), AckType::kAck});
  consumer->Acknowledge(acknowledgements).IgnoreError();
  consumer->AddCredit(messages.size());
}

void DelayRelay::Admit(std::unique_ptr<StoredMessage> message) {
  const StoredMessage& told = *message;
  Note(told, std::move(message));
}

// `message` may be null: it was told without its body.
void DelayRelay::Note(const StoredMessage& told, std::unique_ptr<StoredMessage> message) {
  const std::uint64_t sequence = told.stream_sequence();
  std::string subject(told.subject());
  const DelayedFacts facts = ReadDelayed(told, options_.base_stream_name);
  const RelayBook::Noted noted = book_.Note(sequence, subject, facts, std::move(message));
  if (noted == RelayBook::Noted::kRemove) removals_.Remove(sequence, book_.epoch(), std::move(subject));
  if (noted != RelayBook::Noted::kForeign) return;
  TellTrouble("publish", absl::InvalidArgumentError(absl::StrCat("message ", sequence, " of ", spec_.name,
                                                                 " was not delayed by a bus; delete it")));
}

void DelayRelay::Settle(const Published& published) {
  const std::uint64_t sequence = published.ticket.sequence;
  const DueQueue::Waiting* const out = book_.Answered(published.ticket);
  if (out == nullptr) return;
  if (!published.status.ok()) return PutBack(sequence, published.status);
  relayed_.fetch_add(1, std::memory_order_relaxed);
  removals_.Remove(sequence, book_.epoch(), out->subject);
  book_.Stored(sequence);
  const MutexLock lock(mutex_);
  trouble_.clear();
}

// Whoever owns it again may have to begin anew first, and was told so before.
bool DelayRelay::Owns() const {
  const auto consumer = this->consumer();
  if (!consumer || !consumer->MayHandle(steady_clock::now())) return false;
  const MutexLock lock(mutex_);
  return !news_.others_owned;
}

void DelayRelay::PutMark() {
  const std::uint64_t beginning = book_.beginning();
  absl::Status sent = transport_.Publish(MakeMark(spec_.name), [this, beginning](const absl::StatusOr<PubAck>& stored) {
    Tell([&](News& news) { news.marks.push_back({beginning, stored}); });
  });
  if (!sent.ok()) Marked({beginning, sent});
}

// A stream that is full, or a user that may not publish to it, is no reason to relay nothing.
void DelayRelay::Marked(const Mark& mark) {
  if (mark.beginning != book_.beginning()) return;
  const absl::Status why = mark.stored.status();
  if (why.ok()) return book_.Marked(mark.beginning, mark.stored->sequence);
  const bool again = !IsRefusal(why) && book_.NotMarked(mark.beginning);
  if (!again) book_.Marked(mark.beginning, 0);
  if (again) loads_from_ = steady_clock::now() + kRetry;
  TellTrouble("mark the beginning", why, again ? kAgain : "it goes on without, and order may suffer on a cluster");
}

void DelayRelay::Load() {
  std::uint64_t last = 0;
  const HeaderReader reader{.begin = [&](std::uint64_t) { last = 0; },
                            .message =
                                [&](const StoredMessage& message) {
                                  last = message.stream_sequence();
                                  Note(message, nullptr);
                                  return !Stopping();
                                }};
  const auto read = transport_.ReadHeaders(spec_.name, spec_.subjects.front(), 1, reader);
  if (!read.ok()) {
    TellTrouble("read what waits", read.status());
    loads_from_ = steady_clock::now() + RetryAfter(read.status());
  } else if (!Stopping() && !book_.Loaded(last)) {
    loads_from_ = steady_clock::now() + kReadAgain;
  } else if (book_.loaded() && book_.mark() > 0) {
    removals_.RemoveIfThere(book_.mark(), book_.epoch(), MarkSubject(spec_.name));
  }
}

// Does one thing; false when there is nothing to do now. What cannot be removed might be published again by a
// successor, so nothing is then.
bool DelayRelay::Step() {
  if (!Owns() || removals_.refused() || !transport_.connected()) return false;
  if (!book_.loaded() && steady_clock::now() < loads_from_) return false;
  const RelayBook::Step step = book_.Next(system_clock::now());
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
      Relay(step.sequence);
      return true;
    case RelayBook::Step::Kind::kRead:
      Read(step.unread);
      return true;
  }
  return false;
}

void DelayRelay::Read(const DueQueue::Unread& unread) {
  auto message = transport_.ReadMessageAt(spec_.name, unread.sequence);
  if (message.ok()) return book_.Fill(unread, *std::move(message));
  // A leader that lags behind has not got it, either.
  const auto there = transport_.HasMessage(spec_.name, unread.sequence);
  if (there.ok() && !*there) return book_.Erase(unread);
  TellTrouble("read what is due", message.status());
  book_.PutOff(unread, system_clock::now() + kReadAgain);
}

void DelayRelay::Relay(std::uint64_t sequence) {
  if (absl::Status sent = Send(*book_.Out(sequence)); !sent.ok()) PutBack(sequence, sent);
}

absl::Status DelayRelay::Send(const DueQueue::Waiting& waiting) {
  OutboundMessage message = MakeRelayed(*waiting.message);
  if (const auto fits = streams_.Ensure(message.subject, Storage::kFile, StreamAccess::kPublish); !fits.ok())
    return fits.status();
  // The look may have taken long.
  if (!Owns()) return absl::AbortedError("another process may relay by now");
  const RelayBook::Ticket ticket = book_.TicketOf(waiting.sequence);
  absl::Status sent = transport_.Publish(std::move(message), [this, ticket](const absl::StatusOr<PubAck>& ack) {
    Tell([&](News& news) { news.published.push_back({ticket, ack.status()}); });
  });
  if (sent.ok()) book_.Sent();
  return sent;
}

void DelayRelay::PutBack(std::uint64_t sequence, const absl::Status& why) {
  const DueQueue::Waiting* const out = book_.Out(sequence);
  if (out == nullptr) return;
  failed_.fetch_add(1, std::memory_order_relaxed);
  TellTrouble("publish", why);
  if (absl::IsNotFound(why)) streams_.LookAgain(ReadDelayed(*out->message, options_.base_stream_name).topic);
  book_.PutBack(sequence, system_clock::now() + RetryAfter(why));
}

void DelayRelay::TellTrouble(const char* what, const absl::Status& why, const char* then) {
  const MutexLock lock(mutex_);
  const std::string code = absl::StrCat(what, absl::StatusCodeToString(why.code()));
  if (stop_at_ || std::exchange(trouble_, code) == code || !options_.log) return;
  options_.log(LogLevel::kWarning,
               absl::StrCat("delayed messages: ", what, ": ", std::string(why.message()), "; ", then));
}

void DelayRelay::Count() {
  const auto due = book_.FirstDue();
  waiting_.store(book_.size(), std::memory_order_relaxed);
  first_due_.store(due ? Nanoseconds(*due) : 0, std::memory_order_relaxed);
}

DelayStats DelayRelay::Stats() const {
  const std::int64_t due = first_due_.load(std::memory_order_relaxed);
  const std::int64_t late = due == 0 ? 0 : Nanoseconds(system_clock::now()) - due;
  return {.relays = started_.load(std::memory_order_relaxed),
          .owner = owner_.load(std::memory_order_relaxed),
          .waiting = waiting_.load(std::memory_order_relaxed),
          .relayed = relayed_.load(std::memory_order_relaxed),
          .failed = failed_.load(std::memory_order_relaxed),
          .overdue = std::chrono::nanoseconds(std::max<std::int64_t>(late, 0))};
}

}  // namespace penstock::eventbus
