// SPDX-License-Identifier: Apache-2.0
#include "jetstream/inbox.h"

#include <utility>

#include "jetstream/closures.h"
#include "jetstream/status_mapping.h"

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::string> Inbox::UniqueSubject() {
  natsInbox* raw = nullptr;
  const natsStatus status = natsInbox_Create(&raw);
  if (status != NATS_OK) return NatsError("name an inbox", status);
  const std::unique_ptr<natsInbox, Destroy> owned(raw);
  return std::string(raw);
}

absl::StatusOr<std::shared_ptr<Inbox>> Inbox::Open(std::shared_ptr<Link> link, const std::string& subject,
                                                   Handler handler) {
  std::shared_ptr<Inbox> inbox(new Inbox(std::move(link), std::move(handler)));
  inbox->closure_ = Closures<Inbox>::Add(inbox);
  natsSubscription* raw = nullptr;
  natsStatus status = natsConnection_Subscribe(&raw, inbox->link_->get(), subject.c_str(), OnMessage, inbox->closure_);
  inbox->subscription_.reset(raw);
  if (status == NATS_OK) status = natsSubscription_SetPendingLimits(raw, -1, -1);
  if (status == NATS_OK) return inbox;
  inbox->link_->Report(status);
  return NatsError("subscribe to an inbox", status);
}

Inbox::Inbox(std::shared_ptr<Link> link, Handler handler) : link_(std::move(link)), handler_(std::move(handler)) {}

Inbox::~Inbox() { Close(); }

void Inbox::Release() {
  MutexLock lock(mutex_);
  if (state_ == State::kHeld) state_ = State::kOpen;
  changed_.NotifyAll();
}

void Inbox::Close() {
  {
    MutexLock lock(mutex_);
    const bool first = state_ != State::kClosed;
    state_ = State::kClosed;
    changed_.NotifyAll();
    while (running_ && runner_ != std::this_thread::get_id()) changed_.Wait(lock);
    if (!first) return;
  }
  Closures<Inbox>::Remove(closure_);
  if (subscription_ == nullptr) return;
  std::int64_t dropped = 0;
  if (natsSubscription_GetDropped(subscription_.get(), &dropped) == NATS_OK) link_->CountDropped(dropped);
  // Fails when the connection is gone, and then there is nothing left to unsubscribe from.
  natsSubscription_Unsubscribe(subscription_.get());
}

void Inbox::OnMessage(natsConnection* /*connection*/, natsSubscription* subscription, natsMsg* message, void* closure) {
  MessageHandle owned(message);
  const std::shared_ptr<Inbox> inbox = Closures<Inbox>::Find(closure);
  if (inbox == nullptr || owned == nullptr || !inbox->Enter()) return;
  std::uint64_t queued = 0;
  const bool more = natsSubscription_QueuedMsgs(subscription, &queued) == NATS_OK && queued > 0;
  inbox->handler_(std::move(owned), more);
  inbox->Leave();
}

bool Inbox::Enter() {
  MutexLock lock(mutex_);
  while (state_ == State::kHeld) changed_.Wait(lock);
  if (state_ == State::kClosed) return false;
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
