// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/api/api_error.h"
#include "jetstream/message/received_message.h"
#include "naming/decimal.h"
#include "penstock/actorpool/internal/deadline.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr int kNoResponders = 503;
constexpr std::size_t kMostAnswers = 64;
// Which thread writes a publish, and when: see `Publisher::LeaveToLoop`.
constexpr std::size_t kWriteAtOncePublishes = 32;  // outstanding, at most
constexpr std::size_t kWriteSoonPublishes = 512;   // outstanding, at most
constexpr std::size_t kWriteAtBytes = 32 << 10;

}  // namespace

std::unique_ptr<Publisher> Publisher::Start(Connection& connection, Limits limits) {
  std::unique_ptr<Publisher> publisher(new Publisher(connection, limits));
  connection.Observe(*publisher);
  publisher->Attach();
  publisher->thread_ = std::thread([raw = publisher.get()] { raw->Run(); });
  return publisher;
}

Publisher::~Publisher() { Close(); }

absl::Status Publisher::Publish(const OutboundMessage& message, PublishDone done) {
  const Clock::time_point deadline = DeadlineAfter(limits_.timeout);
  // Ascends in each thread, which is all the order that resending has to keep; so composing needs no lock.
  const std::uint64_t index = last_index_.fetch_add(1, std::memory_order_relaxed) + 1;
  absl::StatusOr<EncodedPublish> composed = EncodedPublish::Encode(message, absl::StrCat(inbox_prefix_, index));
  if (!composed.ok()) return composed.status();
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    if (absl::Status room = AwaitRoom(lock, deadline); !room.ok()) return room;
    Enter(index, {*std::move(composed), std::move(done), deadline, message.order_key, &SubjectNamed(message.subject)});
    if (absl::Status sent = SendNew(index); !sent.ok()) return sent;
    link = LeaveToLoop();
  }
  if (link != nullptr) link->loop().write_blocked() ? link->loop().AwaitWritable(deadline) : link->loop().WriteNow();
  return absl::OkStatus();
}

Publisher::Subject& Publisher::SubjectNamed(std::string_view name) {
  const auto found = subjects_.find(name);
  return found != subjects_.end() ? found->second : subjects_[std::string(name)];
}

void Publisher::Enter(std::uint64_t index, Entry entry) {
  ++entry.subject->outstanding;
  entry.queued = entry.order_key != 0 && !entry.subject->gate.Enter(entry.order_key, index);
  queued_ += entry.queued ? 1 : 0;
  if (entry.deadline < next_deadline_) {
    next_deadline_ = entry.deadline;
    work_.NotifyOne();
  }
  entries_.emplace(index, std::move(entry));
  pending_count_.store(entries_.size(), std::memory_order_relaxed);
}

// With up to `kWriteAtOncePublishes` outstanding the caller writes at once. With up to `kWriteSoonPublishes` the loop
// writes, at most every 200 us; with more, which wait for each other anyway, at most every millisecond. Once
// `kWriteAtBytes` have gathered the caller writes in any case.
// Returns the link if the caller is to write, or to wait until the socket takes more.
std::shared_ptr<Link> Publisher::LeaveToLoop() {
  if (link_ == nullptr) return nullptr;
  const bool blocked = link_->loop().write_blocked();
  if (gathered_ == 0 && !blocked) return nullptr;  // it only waits behind its key
  const std::size_t outstanding = entries_.size() - queued_;
  if (outstanding <= kWriteAtOncePublishes || gathered_ >= kWriteAtBytes || blocked) {
    gathered_ = 0;
    return link_;
  }
  if (outstanding <= kWriteSoonPublishes) link_->loop().WriteSoon();
  return nullptr;
}

absl::Status Publisher::AwaitRoom(MutexLock& lock, Clock::time_point deadline) {
  ++waiters_;
  bool in_time = !IoLoop::OnLoopThread();  // what makes room comes by way of it
  while (!closed_ && entries_.size() >= limits_.window && in_time) in_time = settled_.WaitUntil(lock, deadline);
  --waiters_;
  if (closed_) return absl::FailedPreconditionError("publish: the connection is closed");
  if (entries_.size() < limits_.window || IoLoop::OnLoopThread()) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat("publish: ", limits_.window, " publishes were outstanding for ",
                                                  limits_.timeout.count(),
                                                  "ms; check that the server runs and its streams exist"));
}

bool Publisher::HeldBack(const Entry& entry) const {
  return entry.queued || link_ == nullptr || entry.subject->backoff.active();
}

absl::Status Publisher::Send(Entry& entry) {
  if (HeldBack(entry)) return absl::OkStatus();
  const Publication publication = entry.message.publication();
  absl::Status sent = link_->Publish(publication);
  if (!sent.ok() && !absl::IsUnavailable(sent)) return sent;
  if (entry.sending.attempts > 0) retries_.fetch_add(1, std::memory_order_relaxed);
  LossDetector::Sent(entry.sending, ++sendings_, looks_);
  entry.cause = kNoAnswer;
  gathered_ += publication.headers.size() + publication.body.size();
  return absl::OkStatus();
}

absl::Status Publisher::SendNew(std::uint64_t index) {
  const auto found = entries_.find(index);
  absl::Status sent = Send(found->second);
  if (!sent.ok()) Remove(found);
  return sent;
}

void Publisher::SendAgain(std::uint64_t index, std::vector<Ended>& ended) {
  const auto found = entries_.find(index);
  if (found == entries_.end()) return;
  absl::Status sent = Send(found->second);
  if (!sent.ok()) ended.push_back(End(found, std::move(sent)));
}

// One that cannot be sent frees the next.
bool Publisher::SendFreed(std::vector<Ended>& ended) {
  const bool any = !freed_.empty();
  for (std::size_t next = 0; next < freed_.size(); ++next) SendAgain(freed_[next], ended);
  freed_.clear();
  return any;
}

void Publisher::OnReply(MessageHandle reply, bool more) {
  const std::string_view subject = reply->subject();
  const std::optional<std::uint64_t> index =
      ParseDecimal<std::uint64_t>(subject.substr(std::min(subject.size(), inbox_prefix_.size())));
  if (index) answers_.push_back(ReadAnswer(*reply, *index));
  if (more && answers_.size() < kMostAnswers) return;
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    for (Answer& answer : answers_) Settle(answer, ended_);
    if (SendFreed(ended_)) link = LeaveToLoop();
    if (!ended_.empty()) work_.NotifyOne();
  }
  answers_.clear();
  if (link != nullptr) link->loop().WriteNow();
}

Publisher::Answer Publisher::ReadAnswer(const ReceivedMessage& reply, std::uint64_t index) {
  const std::optional<StatusMessage> status = ReadStatus(reply);
  if (status) return {index, status->code == kNoResponders, {}};
  return {index, false, ReadPublishReply(reply.payload())};
}

void Publisher::Settle(Answer& answer, std::vector<Ended>& ended) {
  const auto found = entries_.find(answer.index);
  if (found == entries_.end()) return;  // answered before, or given up
  Entry& entry = found->second;
  PublishReply& reply = answer.reply;
  if (answer.no_responders) return BackOff(entry, kNoStream);
  if (reply.kind == PublishReply::Kind::kUnclear) return AskAgain(entry, "the acknowledgement named no sequence");
  if (reply.kind == PublishReply::Kind::kRefused) {
    if (IsInProcess(reply.error)) return AskAgain(entry, "the server has not stored it yet");
    if (MayBeStoredLater(reply.error)) return BackOff(entry, "the server could not store it yet");
    ended.push_back(End(found, RefusedStatus(entry.message.subject(), reply.error)));
    return;
  }
  if (!reply.ack.duplicate) entry.subject->losses.Acknowledged(entry.sending, looks_);
  entry.subject->backoff.Stored();
  // What an earlier attempt of ours has stored is no duplicate to the caller.
  reply.ack.duplicate = reply.ack.duplicate && entry.sending.attempts <= 1;
  ended.push_back(End(found, std::move(reply.ack)));
}

void Publisher::BackOff(Entry& entry, const char* cause) {
  entry.cause = cause;
  if (entry.subject->backoff.active()) return;
  entry.subject->backoff.Begin(Clock::now());
  ++backing_off_;
  work_.NotifyOne();
}

// It concerns this message alone: the others of its subject go on, unless they have to follow it.
void Publisher::AskAgain(Entry& entry, const char* cause) {
  if (entry.order_key == 0) return BackOff(entry, cause);
  entry.cause = cause;
  LossDetector::Unclear(entry.sending, looks_);
}

Publisher::Ended Publisher::End(Entries::iterator entry, absl::StatusOr<PubAck> result) {
  Ended ended{std::move(entry->second.done), std::move(result)};
  Remove(entry);
  ++untold_;
  return ended;
}

void Publisher::Remove(Entries::iterator entry) {
  const Entry& removed = entry->second;
  queued_ -= removed.queued ? 1 : 0;
  --removed.subject->outstanding;
  const std::uint64_t next = removed.order_key == 0 ? 0 : removed.subject->gate.Leave(removed.order_key, entry->first);
  if (next != 0) {
    Entry& freed = entries_.find(next)->second;
    freed.queued = false;
    freed.cause = removed.cause;
    --queued_;
    freed_.push_back(next);
  }
  entries_.erase(entry);
  pending_count_.store(entries_.size(), std::memory_order_relaxed);
}

void Publisher::Tell(std::vector<Ended> ended) {
  if (ended.empty()) return;
  for (Ended& one : ended) {
    if (one.done) one.done(std::move(one.result));
  }
  MutexLock lock(mutex_);
  untold_ -= ended.size();
  if (waiters_ > 0) settled_.NotifyAll();
}

absl::Status Publisher::AwaitIdle(Clock::time_point deadline) {
  MutexLock lock(mutex_);
  ++waiters_;
  bool in_time = true;
  while (entries_.size() + untold_ > 0 && in_time) in_time = settled_.WaitUntil(lock, deadline);
  --waiters_;
  const std::size_t outstanding = entries_.size() + untold_;
  if (outstanding == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("flush: ", outstanding, " publishes are not acknowledged; check that the server runs"));
}

void Publisher::OnConnectionChanged() {
  MutexLock lock(mutex_);
  connection_changed_ = true;
  work_.NotifyOne();
}

void Publisher::OnDenied(const std::string& subject) {
  MutexLock lock(mutex_);
  denied_.push_back(subject);
  work_.NotifyOne();
}

void Publisher::Close() {
  {
    MutexLock lock(mutex_);
    if (closed_) return;
    closed_ = true;
    work_.NotifyAll();
    settled_.NotifyAll();
  }
  connection_.Leave(*this);
  if (thread_.joinable()) thread_.join();
  if (inbox_ != nullptr) inbox_->Close();
  std::vector<Ended> ended;
  {
    MutexLock lock(mutex_);
    link_ = nullptr;
    ended.swap(ended_);
    for (const std::uint64_t index : Indexes([](const Entry&) { return true; })) {
      const auto found = entries_.find(index);
      ended.push_back(End(found, ClosedStatus(found->second.message.subject())));
    }
    settled_.NotifyAll();
  }
  Tell(std::move(ended));
}

}  // namespace penstock::eventbus::jetstream
