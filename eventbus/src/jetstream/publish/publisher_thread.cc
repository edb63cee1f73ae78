// SPDX-License-Identifier: Apache-2.0
// What the publisher's thread does: connections, what is sent again, and what has failed.
#include <algorithm>
#include <utility>

#include "jetstream/publish/publisher.h"
#include "penstock/actorpool/internal/thread_name.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::size_t kMostIdleSubjects = 1024;

}  // namespace

void Publisher::Run() {
  SetThreadName("ps-publish");
  while (true) {
    bool changed = false;
    std::vector<Ended> ended;
    {
      MutexLock lock(mutex_);
      const Clock::time_point wake = NextWork();
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
      ResumeSubjects(now, ended);
      ResendLost(now, ended);
      SendFreed(ended);
    }
    Tell(std::move(ended));
    if (changed) Attach();
  }
}

// Looks go on until no deadline is left, so that a publish need not wake the thread for them.
Publisher::Clock::time_point Publisher::NextWork() const {
  if (next_deadline_ == Clock::time_point::max()) return next_deadline_;
  Clock::time_point next = std::min(next_deadline_, next_look_);
  if (backing_off_ == 0) return next;
  for (const auto& [name, subject] : subjects_) {
    if (subject.backoff.active()) next = std::min(next, subject.backoff.resume());
  }
  return next;
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
    for (auto& [name, subject] : subjects_) subject.backoff = {};
    backing_off_ = 0;
    ResendAll(ended);
    SendFreed(ended);
  }
  inbox_->Release();
  Tell(std::move(ended));
}

std::vector<std::uint64_t> Publisher::Indexes(const std::function<bool(Entry&)>& wanted) {
  std::vector<std::uint64_t> indexes;
  for (auto& [index, entry] : entries_) {
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

void Publisher::ResumeSubjects(Clock::time_point now, std::vector<Ended>& ended) {
  if (backing_off_ == 0) return;
  for (auto& [name, subject] : subjects_) {
    if (!subject.backoff.EndsBy(now)) continue;
    --backing_off_;
    const auto of_subject = [wanted = &subject](const Entry& entry) { return entry.subject == wanted; };
    for (const std::uint64_t index : Indexes(of_subject)) SendAgain(index, ended);
  }
}

// Those of delayed messages are many, and used once.
void Publisher::ForgetIdleSubjects() {
  if (subjects_.size() <= kMostIdleSubjects) return;
  std::erase_if(subjects_,
                [](const auto& each) { return each.second.outstanding == 0 && !each.second.backoff.active(); });
}

// What waits in the socket's way is not lost, and is no look's business.
void Publisher::ResendLost(Clock::time_point now, std::vector<Ended>& ended) {
  if (now < next_look_) return;
  next_look_ = now + LossDetector::kInterval;
  ForgetIdleSubjects();
  if (link_ == nullptr || link_->loop().write_blocked()) return;
  ++looks_;
  const auto lost = [look = looks_](Entry& entry) { return entry.subject->losses.Lost(entry.sending, look); };
  for (const std::uint64_t index : Indexes(lost)) SendAgain(index, ended);
}

void Publisher::FailDenied(std::vector<Ended>& ended) {
  for (const std::string& subject : std::exchange(denied_, {})) {
    const auto same_subject = [&](const Entry& entry) { return entry.message.subject() == subject; };
    for (const std::uint64_t index : Indexes(same_subject)) {
      ended.push_back(End(entries_.find(index), DeniedStatus(subject)));
    }
  }
}

void Publisher::FailExpired(Clock::time_point now, std::vector<Ended>& ended) {
  if (now < next_deadline_) return;
  for (const std::uint64_t index : Indexes([&](const Entry& entry) { return entry.deadline <= now; })) {
    const auto found = entries_.find(index);
    if (found == entries_.end()) continue;  // dropped with an earlier one
    const Entry& entry = found->second;
    const std::vector<std::uint64_t> behind =
        entry.order_key == 0 ? std::vector<std::uint64_t>() : entry.subject->gate.Drop(entry.order_key, index);
    ended.push_back(End(found, ExpiredStatus(entry.message.subject(), entry.cause, limits_.timeout)));
    Drop(behind, ended);
  }
  next_deadline_ = Clock::time_point::max();
  for (const auto& [index, entry] : entries_) next_deadline_ = std::min(next_deadline_, entry.deadline);
}

// Whoever publishes the failed one again would find them stored before it.
void Publisher::Drop(const std::vector<std::uint64_t>& indexes, std::vector<Ended>& ended) {
  for (const std::uint64_t index : indexes) {
    const auto found = entries_.find(index);
    ended.push_back(End(found, DroppedStatus(found->second.message.subject())));
  }
}

}  // namespace penstock::eventbus::jetstream
