// SPDX-License-Identifier: Apache-2.0
#include "jetstream/publish/publisher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "jetstream/api/api_error.h"
#include "jetstream/message/received_message.h"
#include "naming/decimal.h"
#include "naming/names.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::milliseconds kFirstBackoff(100);
constexpr std::chrono::milliseconds kLongestBackoff(1000);
constexpr int kNoResponders = 503;
constexpr std::size_t kMostAnswers = 64;
// Which thread writes a publish, and when: see `Publisher::LeaveToLoop`.
constexpr std::size_t kWriteAtOncePublishes = 32;  // outstanding, at most
constexpr std::size_t kWriteSoonPublishes = 512;   // outstanding, at most
constexpr std::size_t kWriteAtBytes = 32 << 10;
constexpr const char* kNoStream = "no stream takes this subject";
constexpr const char* kNoAnswer = "no acknowledgement came";

std::string About(const EncodedPublish& message) { return absl::StrCat("publish to ", Quoted(message.subject())); }

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
  const Clock::time_point deadline = Clock::now() + limits_.timeout;
  // Ascends in each thread, which is all the order that resending has to keep; so composing needs no lock.
  const std::uint64_t index = last_index_.fetch_add(1, std::memory_order_relaxed) + 1;
  absl::StatusOr<EncodedPublish> composed = EncodedPublish::Encode(message, absl::StrCat(inbox_prefix_, index));
  if (!composed.ok()) return composed.status();
  std::shared_ptr<Link> link;
  {
    MutexLock lock(mutex_);
    if (absl::Status room = AwaitRoom(lock, deadline); !room.ok()) return room;
    entries_.emplace(index, Entry{*std::move(composed), std::move(done), deadline});
    pending_count_.store(entries_.size(), std::memory_order_relaxed);
    if (deadline < next_deadline_) {
      next_deadline_ = deadline;
      work_.NotifyOne();
    }
    if (absl::Status sent = SendNew(index); !sent.ok()) return sent;
    gathered_ += SizeBytes(message);
    link = LeaveToLoop();
  }
  if (link != nullptr) link->loop().write_blocked() ? link->loop().AwaitWritable(deadline) : link->loop().WriteNow();
  return absl::OkStatus();
}

// With up to `kWriteAtOncePublishes` outstanding the caller writes at once. With up to `kWriteSoonPublishes` the loop
// writes, at most every 200 us; with more, which wait for each other anyway, at most every millisecond. Once
// `kWriteAtBytes` have gathered the caller writes in any case.
// Returns the link if the caller is to write, or to wait until the socket takes more.
std::shared_ptr<Link> Publisher::LeaveToLoop() {
  if (link_ == nullptr) return nullptr;
  if (entries_.size() <= kWriteAtOncePublishes || gathered_ >= kWriteAtBytes || link_->loop().write_blocked()) {
    gathered_ = 0;
    return link_;
  }
  if (entries_.size() <= kWriteSoonPublishes) link_->loop().WriteSoon();
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
  if (link_ == nullptr || lanes_.empty()) return link_ == nullptr;
  const auto lane = lanes_.find(std::string(entry.message.subject()));
  return lane != lanes_.end() && lane->second.waiting;
}

absl::Status Publisher::SendNew(std::uint64_t index) {
  const auto found = entries_.find(index);
  Entry& entry = found->second;
  if (HeldBack(entry)) return absl::OkStatus();
  absl::Status sent = link_->Publish(entry.message.publication());
  if (sent.ok() || absl::IsUnavailable(sent)) {
    entry.attempts = 1;
    entry.cause = kNoAnswer;
    return absl::OkStatus();
  }
  entries_.erase(found);
  pending_count_.store(entries_.size(), std::memory_order_relaxed);
  return sent;
}

void Publisher::SendAgain(std::uint64_t index, std::vector<Ended>& ended) {
  const auto found = entries_.find(index);
  Entry& entry = found->second;
  if (HeldBack(entry)) return;
  if (entry.attempts++ > 0) retries_.fetch_add(1, std::memory_order_relaxed);
  absl::Status sent = link_->Publish(entry.message.publication());
  if (!sent.ok() && !absl::IsUnavailable(sent)) ended.push_back(End(found, std::move(sent)));
}

void Publisher::OnReply(MessageHandle reply, bool more) {
  const std::string_view subject = reply->subject();
  const std::optional<std::uint64_t> index =
      ParseDecimal<std::uint64_t>(subject.substr(std::min(subject.size(), inbox_prefix_.size())));
  if (index) answers_.push_back(ReadAnswer(*reply, *index));
  if (more && answers_.size() < kMostAnswers) return;
  {
    MutexLock lock(mutex_);
    for (Answer& answer : answers_) Settle(answer, ended_);
    if (!ended_.empty()) work_.NotifyOne();
  }
  answers_.clear();
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
  if (reply.kind == PublishReply::Kind::kUnclear) return BackOff(entry, "the acknowledgement named no sequence");
  if (reply.kind == PublishReply::Kind::kRefused) {
    if (MayBeStoredLater(reply.error)) return BackOff(entry, "the server could not store it yet");
    ended.push_back(End(found, ApiStatus(About(entry.message), reply.error)));
    return;
  }
  // What an earlier attempt of ours has stored is no duplicate to the caller.
  reply.ack.duplicate = reply.ack.duplicate && entry.attempts <= 1;
  if (!lanes_.empty()) Recovered(std::string(entry.message.subject()));
  ended.push_back(End(found, std::move(reply.ack)));
}

void Publisher::BackOff(Entry& entry, const char* cause) {
  entry.cause = cause;
  Lane& lane = lanes_[std::string(entry.message.subject())];
  if (lane.waiting) return;
  lane.backoff = std::clamp(lane.backoff * 2, kFirstBackoff, kLongestBackoff);
  lane.resume = Clock::now() + lane.backoff;
  lane.waiting = true;
  work_.NotifyOne();
}

void Publisher::Recovered(const std::string& subject) {
  const auto lane = lanes_.find(subject);
  if (lane != lanes_.end() && !lane->second.waiting) lanes_.erase(lane);
}

Publisher::Ended Publisher::End(Entries::iterator entry, absl::StatusOr<PubAck> result) {
  Ended ended{std::move(entry->second.done), std::move(result)};
  entries_.erase(entry);
  ++untold_;
  pending_count_.store(entries_.size(), std::memory_order_relaxed);
  return ended;
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

void Publisher::Run() {
  SetThreadName("ps-publish");
  while (true) {
    bool changed = false;
    std::vector<Ended> ended;
    {
      MutexLock lock(mutex_);
      Clock::time_point wake = next_deadline_;
      for (const auto& [subject, lane] : lanes_) wake = lane.waiting ? std::min(wake, lane.resume) : wake;
      if (!closed_ && !connection_changed_ && denied_.empty() && ended_.empty() && Clock::now() < wake) {
        // Waiting for `time_point::max()` overflows in some libraries.
        work_.WaitUntil(lock, std::min(wake, Clock::now() + std::chrono::hours(1)));
      }
      if (closed_) return;
      ended.swap(ended_);
      changed = std::exchange(connection_changed_, false);
      const Clock::time_point now = Clock::now();
      FailDenied(ended);
      FailExpired(now, ended);
      ResumeLanes(now, ended);
    }
    Tell(std::move(ended));
    if (changed) Attach();
  }
}

// Replies to what was sent on an older connection can only come on that one, so messages go out again once the inbox is
// known on the new one.
void Publisher::Attach() {
  {
    MutexLock lock(mutex_);
    link_ = nullptr;
  }
  if (inbox_ != nullptr) inbox_->Close();
  answers_.clear();  // their messages go out again
  const std::shared_ptr<Link> link = connection_.link();
  if (link == nullptr) return;  // told again when there is one
  absl::StatusOr<std::shared_ptr<Inbox>> inbox =
      Inbox::Open(link, inbox_prefix_ + "*", Inbox::Use::kAnswers,
                  [this](MessageHandle reply, bool more) { OnReply(std::move(reply), more); });
  if (!inbox.ok()) return;  // told again when there is another link
  inbox_ = *std::move(inbox);
  std::vector<Ended> ended;
  {
    MutexLock lock(mutex_);
    link_ = link;
    lanes_.clear();
    ResendAll(ended);
  }
  inbox_->Release();
  Tell(std::move(ended));
}

std::vector<std::uint64_t> Publisher::Indexes(const std::function<bool(const Entry&)>& wanted) const {
  std::vector<std::uint64_t> indexes;
  for (const auto& [index, entry] : entries_) {
    if (wanted(entry)) indexes.push_back(index);
  }
  std::sort(indexes.begin(), indexes.end());
  return indexes;
}

void Publisher::ResendAll(std::vector<Ended>& ended) {
  for (const std::uint64_t index : Indexes([](const Entry&) { return true; })) {
    entries_.find(index)->second.cause = kNoAnswer;
    SendAgain(index, ended);
  }
}

void Publisher::ResumeLanes(Clock::time_point now, std::vector<Ended>& ended) {
  for (auto& [subject, lane] : lanes_) {
    if (!lane.waiting || now < lane.resume) continue;
    lane.waiting = false;
    const auto same_subject = [&name = subject](const Entry& entry) { return entry.message.subject() == name; };
    for (const std::uint64_t index : Indexes(same_subject)) SendAgain(index, ended);
  }
}

void Publisher::FailDenied(std::vector<Ended>& ended) {
  for (const std::string& subject : std::exchange(denied_, {})) {
    const auto same_subject = [&](const Entry& entry) { return entry.message.subject() == subject; };
    for (const std::uint64_t index : Indexes(same_subject)) {
      const auto found = entries_.find(index);
      ended.push_back(End(
          found, absl::PermissionDeniedError(absl::StrCat(
                     About(found->second.message), ": the server refuses it; check the permissions of this user"))));
    }
  }
}

void Publisher::FailExpired(Clock::time_point now, std::vector<Ended>& ended) {
  if (now < next_deadline_) return;
  for (const std::uint64_t index : Indexes([&](const Entry& entry) { return entry.deadline <= now; })) {
    const auto found = entries_.find(index);
    ended.push_back(End(found, Expired(found->second)));
  }
  next_deadline_ = Clock::time_point::max();
  for (const auto& [index, entry] : entries_) next_deadline_ = std::min(next_deadline_, entry.deadline);
}

absl::Status Publisher::Expired(const Entry& entry) const {
  const absl::StatusCode code =
      entry.cause == kNoStream ? absl::StatusCode::kNotFound : absl::StatusCode::kDeadlineExceeded;
  return absl::Status(code, absl::StrCat(About(entry.message), ": ", entry.cause, " within ", limits_.timeout.count(),
                                         "ms; check that the server runs and has a stream for it"));
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
      ended.push_back(End(found, absl::CancelledError(absl::StrCat(About(found->second.message),
                                                                   ": the connection was closed before the "
                                                                   "acknowledgement came"))));
    }
    settled_.NotifyAll();
  }
  Tell(std::move(ended));
}

}  // namespace penstock::eventbus::jetstream
