// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/inbox.h"

#include <utility>

#include "jetstream/connection/closures.h"
#include "jetstream/connection/status_mapping.h"

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::string> Inbox::UniqueSubject() {
  natsInbox* raw = nullptr;
  const natsStatus status = natsInbox_Create(&raw);
  if (status != NATS_OK) return NatsError("name an inbox", status);
  const std::unique_ptr<natsInbox, Destroy> owned(raw);
  return std::string(raw);
}

absl::StatusOr<std::shared_ptr<Inbox>> Inbox::Open(std::shared_ptr<Link> link, const std::string& subject, Use use,
                                                   Handler handler, std::function<void()> resting) {
  std::shared_ptr<Inbox> inbox(new Inbox(std::move(link), use, std::move(handler), std::move(resting)));
  inbox->closure_ = Closures<Inbox>::Add(inbox);
  if (const natsStatus status = inbox->Subscribe(subject.c_str()); status != NATS_OK) {
    inbox->link_->Report(status);
    return NatsError("subscribe to an inbox", status);
  }
  if (inbox->on_loop()) inbox->link_->loop().Add(*inbox);
  return inbox;
}

natsStatus Inbox::Subscribe(const char* subject) {
  natsSubscription* raw = nullptr;
  natsStatus status = on_loop() ? natsConnection_SubscribeSync(&raw, link_->get(), subject)
                                : natsConnection_Subscribe(&raw, link_->get(), subject, OnMessage, closure_);
  subscription_.reset(raw);
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(raw, -1, -1);
  if (status == NATS_OK) number_ = static_cast<std::uint64_t>(natsSubscription_GetID(raw));
  return status;
}

Inbox::Inbox(std::shared_ptr<Link> link, Use use, Handler handler, std::function<void()> resting)
    : link_(std::move(link)), use_(use), handler_(std::move(handler)), resting_(std::move(resting)) {}

Inbox::~Inbox() { Close(); }

void Inbox::Release() {
  {
    MutexLock lock(mutex_);
    if (state_ == State::kHeld) state_ = State::kOpen;
    changed_.NotifyAll();
  }
  link_->loop().DrainSoon();
}

void Inbox::Close() {
  closed_.store(true, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    const bool first = state_ != State::kClosed;
    state_ = State::kClosed;
    changed_.NotifyAll();
    while (running_ && runner_ != std::this_thread::get_id()) changed_.Wait(lock);
    if (!first) return;
  }
  link_->loop().Remove(*this);
  Closures<Inbox>::Remove(closure_);
  if (subscription_ == nullptr) return;
  std::int64_t dropped = 0;
  if (natsSubscription_GetDropped(subscription_.get(), &dropped) == NATS_OK) link_->CountDropped(dropped);
  // Fails when the connection is gone, and then there is nothing left to unsubscribe from.
  natsSubscription_Unsubscribe(subscription_.get());
  link_->loop().Bury(std::move(subscription_));
}

void Inbox::OnMessage(natsConnection* /*connection*/, natsSubscription* subscription, natsMsg* message, void* closure) {
  const ReplyHandle owned(message);
  const std::shared_ptr<Inbox> inbox = Closures<Inbox>::Find(closure);
  if (inbox == nullptr || owned == nullptr || !inbox->Enter(/*wait=*/true)) return;
  std::uint64_t queued = 0;
  const bool more = natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK && queued > 0;
  inbox->handler_(ReceivedMessage::Copy(*owned), more);
  inbox->Leave();
}

void Inbox::Take(MessageHandle message) { waiting_.push_back(std::move(message)); }

// As many as wait now: what is read meanwhile, which only this thread does, is taken after that.
void Inbox::TakeFromLibrary() {
  std::uint64_t queued = 0;
  if (natsSubscription_QueuedMsgs(subscription_.get(), &queued) != NATS_OK) return;
  for (; queued > 0; --queued) {
    natsMsg* raw = nullptr;
    const natsStatus status = natsSubscription_NextMsg(&raw, subscription_.get(), 0);
    const ReplyHandle owned(raw);
    if (status != NATS_OK && status != NATS_NO_RESPONDERS) return;
    waiting_.push_back(owned == nullptr ? nullptr : ReceivedMessage::Copy(*owned));
  }
}

void Inbox::Drain() {
  if (link_->loop().leaves_messages_to_library()) TakeFromLibrary();
  if (waiting_.empty()) return Rest();
  if (!Enter(/*wait=*/false)) return;
  draining_.swap(waiting_);
  for (std::size_t next = 0; next < draining_.size() && !closed_.load(std::memory_order_relaxed);) {
    MessageHandle message = std::move(draining_[next++]);
    handler_(std::move(message), next < draining_.size());
  }
  draining_.clear();
  Leave();
}

void Inbox::Rest() {
  if (!resting_ || !Enter(/*wait=*/false)) return;
  resting_();
  Leave();
}

bool Inbox::Enter(bool wait) {
  MutexLock lock(mutex_);
  while (state_ == State::kHeld && wait) changed_.Wait(lock);
  if (state_ != State::kOpen) return false;
  running_ = true;
  runner_ = std::this_thread::get_id();
  return true;
}

void Inbox::Leave() {
  MutexLock lock(mutex_);
  running_ = false;
  if (state_ == State::kClosed) changed_.NotifyAll();
}

}  // namespace penstock::eventbus::jetstream
