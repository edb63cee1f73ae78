// SPDX-License-Identifier: Apache-2.0
#include "jetstream/connection/inbox.h"

#include <utility>

namespace penstock::eventbus::jetstream {

absl::StatusOr<std::shared_ptr<Inbox>> Inbox::Open(std::shared_ptr<Link> link, const std::string& subject, Use use,
                                                   Handler handler, std::function<void()> idle) {
  if (!link->usable()) return absl::UnavailableError("subscribe: the connection was lost; it is being remade");
  std::shared_ptr<Inbox> inbox(new Inbox(std::move(link), use, std::move(handler), std::move(idle)));
  inbox->subscription_ = inbox->link_->loop().Subscribe(subject, *inbox);
  return inbox;
}

Inbox::Inbox(std::shared_ptr<Link> link, Use use, Handler handler, std::function<void()> idle)
    : link_(std::move(link)), use_(use), handler_(std::move(handler)), idle_(std::move(idle)) {}

Inbox::~Inbox() { Close(); }

void Inbox::Release() {
  {
    MutexLock lock(mutex_);
    if (state_ == State::kHeld) state_ = State::kOpen;
  }
  link_->loop().HandleSoon();
}

void Inbox::Close() {
  closed_.store(true, std::memory_order_relaxed);
  {
    MutexLock lock(mutex_);
    const bool first = state_ != State::kClosed;
    state_ = State::kClosed;
    while (running_ && runner_ != std::this_thread::get_id()) changed_.Wait(lock);
    if (!first) return;
  }
  link_->loop().Unsubscribe(subscription_, *this);
}

void Inbox::OnMessage(MessageHandle message) { waiting_.push_back(std::move(message)); }

void Inbox::OnReadable() {
  if (waiting_.empty()) return OnIdle();
  if (!Enter()) return;
  handing_on_.swap(waiting_);
  for (std::size_t next = 0; next < handing_on_.size() && !closed_.load(std::memory_order_relaxed);) {
    MessageHandle message = std::move(handing_on_[next++]);
    handler_(std::move(message), next < handing_on_.size());
  }
  handing_on_.clear();
  Leave();
}

void Inbox::OnIdle() {
  if (!idle_ || !Enter()) return;
  idle_();
  Leave();
}

bool Inbox::Enter() {
  MutexLock lock(mutex_);
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
