// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/event_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock::eventbus::jetstream {
namespace {

// As often as a write costs little beside what it carries; see docs/performance.md.
constexpr std::chrono::microseconds kSoon(200);
constexpr std::chrono::microseconds kLate(1000);
// As much as a wire of ours reads at once: twice the library's own choice, so that large bodies need fewer reads.
constexpr int kReadBytes = FrameReader::kBufferBytes;
constexpr std::chrono::nanoseconds kNever = std::chrono::nanoseconds::max();

thread_local const EventLoop* this_threads_loop = nullptr;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create(LoopCrew& crew, bool encrypted) {
  const int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd >= 0) return std::unique_ptr<EventLoop>(new EventLoop(crew, wake_fd, encrypted));
  return absl::ResourceExhaustedError(
      absl::StrCat("connect: ", std::generic_category().message(errno), "; raise the limit of open files"));
}

EventLoop::~EventLoop() {
  Stop();
  close(wake_fd_);
}

natsStatus EventLoop::Configure(natsOptions* options) {
  natsStatus status = natsOptions_SetEventLoop(options, this, OnAttach, OnRead, OnWrite, OnDetach);
  // Else a thread of nats.c would gather for a millisecond before it asks us to write.
  if (status == NATS_OK) status = natsOptions_SetSendAsap(options, true);
  if (status == NATS_OK) status = natsOptions_SetIOBufSize(options, kReadBytes);
  return status;
}

natsStatus EventLoop::OnAttach(void** user_data, void* loop, natsConnection* connection, natsSock socket) {
  auto* const self = static_cast<EventLoop*>(loop);
  *user_data = self;
  const natsStatus status = self->wire_->Attach(connection, socket);
  self->attached_.store(status == NATS_OK, std::memory_order_release);
  return status;
}

// It only ever says that there is nothing to read any more.
natsStatus EventLoop::OnRead(void* user_data, bool add) { return add ? NATS_OK : OnDetach(user_data); }

natsStatus EventLoop::OnWrite(void* user_data, bool add) {
  auto* const self = static_cast<EventLoop*>(user_data);
  self->wire_->NoteUnwritten(add);
  if (add) self->WakeToWrite();
  return NATS_OK;
}

natsStatus EventLoop::OnDetach(void* user_data) {
  auto* const self = static_cast<EventLoop*>(user_data);
  self->attached_.store(false, std::memory_order_release);
  self->wire_->Detach();
  self->Wake();
  self->SetStuck(false);
  return NATS_OK;
}

void EventLoop::Start() { crew_.Start(*this); }

void EventLoop::Stop() { crew_.Stop(*this); }

void EventLoop::End() {
  stopping_.store(true);
  Wake();
  SetStuck(false);
}

void EventLoop::Add(Readable& readable) {
  MutexLock lock(mutex_);
  readables_.push_back(&readable);
  ++version_;
}

void EventLoop::Remove(Readable& readable) {
  MutexLock lock(mutex_);
  if (std::erase(readables_, &readable) == 0) return;
  ++version_;
  if (this_threads_loop == this) {
    std::ranges::replace(called_, &readable, nullptr);
    takers_.erase(readable.subscription_number());
  } else {
    while (calling_ != 0 && calling_ < version_) changed_.Wait(lock);
  }
}

void EventLoop::DrainSoon() {
  drain_.store(true);
  Wake();
}

// What it destroys may take a while, so not under the lock.
void EventLoop::Bury(SubscriptionHandle ended) {
  MutexLock lock(mutex_);
  if (calling_ != 0) buried_.push_back(std::move(ended));
}

natsStatus EventLoop::Publish(std::span<const Publication> publications) {
  const natsStatus status = wire_->Publish(publications);
  if (status == NATS_OK) WakeToWrite();
  return status;
}

void EventLoop::WakeToWrite() { Wake(hurried_.load(std::memory_order_relaxed) > 0 ? Sleep::kDozes : Sleep::kSleeps); }

void EventLoop::WriteSoon() {
  if (urgent_.load() || urgent_.exchange(true)) return;
  Wake();
}

bool EventLoop::OnLoopThread() { return this_threads_loop != nullptr; }

void EventLoop::Wake(Sleep from) {
  Sleep sleep = sleep_.load();
  if (sleep < from) return;
  sleep_.compare_exchange_strong(sleep, Sleep::kAwake);
  eventfd_write(wake_fd_, 1);
}

void EventLoop::AwaitRoom(Clock::time_point deadline) {
  if (OnLoopThread()) return;
  MutexLock lock(mutex_);
  while (stuck() && changed_.WaitUntil(lock, deadline)) {
  }
}

// A connection that ended meanwhile holds nobody up.
void EventLoop::SetStuck(bool stuck) {
  MutexLock lock(mutex_);
  stuck_.store(stuck && attached(), std::memory_order_relaxed);
  if (!stuck) changed_.NotifyAll();
}

void EventLoop::Run() {
  this_threads_loop = this;
  // Only looking costs less than waking somebody who could have gone on.
  while (running()) {
    const bool readable = Poll(/*wait=*/!restless_);
    if (running() && !HandOn(readable)) return;
  }
  this_threads_loop = nullptr;
}

// False when another thread runs the loop now.
bool EventLoop::HandOn(bool readable) {
  const bool drains = drain_.exchange(false) || readable;
  const bool rests = std::exchange(restless_, drains) && !drains;
  std::optional<std::size_t> helper;
  if (drains || rests) {
    BeginCalls();
    if (readable) wire_->Read(*this);
    if (feeds_handlers_) helper = crew_.BeginLending();
    for (Readable* const each : called_) {
      if (each != nullptr) drains ? each->Drain() : each->Rest();
    }
    EndCalls();
  }
  if (drains) drained_at_ = Clock::now();
  if (running()) WriteDue();
  if (!helper) return true;
  this_threads_loop = nullptr;
  if (!crew_.Lend(*helper)) return false;
  this_threads_loop = this;
  return true;
}

bool EventLoop::Poll(bool wait) {
  if (wait) sleep_.store(Sleep::kSleeps);
  const Clock::time_point now = Clock::now();
  const bool full = stuck();
  short socket_events = POLLIN;
  if (full) socket_events = POLLIN | POLLOUT;
  if (wait && !full && AnswersMayWait(now)) socket_events = 0;
  pollfd fds[] = {{wire_->socket(), socket_events, 0}, {wake_fd_, POLLIN, 0}};
  std::chrono::nanoseconds longest = full ? kNever : LongestSleep(now);
  if (!wait || drain_.load() || stopping_.load()) longest = std::chrono::nanoseconds(0);
  if (wait && longest <= kLate) sleep_.store(longest <= kSoon ? Sleep::kAwake : Sleep::kDozes);
  const timespec timeout{.tv_sec = 0, .tv_nsec = longest == kNever ? 0 : static_cast<long>(longest.count())};
  const int ready = ppoll(fds, std::size(fds), longest == kNever ? nullptr : &timeout, nullptr);
  sleep_.store(Sleep::kAwake);
  if (ready <= 0) return false;
  if (fds[1].revents != 0) {
    eventfd_t count = 0;
    eventfd_read(wake_fd_, &count);
  }
  if ((fds[0].revents & POLLOUT) != 0) WriteNow();
  return (fds[0].revents & ~POLLOUT) != 0;
}

// While publish follows publish and acknowledgements follow messages, the loop looks for them by itself: to be woken
// for each would cost both sides more.
std::chrono::nanoseconds EventLoop::LongestSleep(Clock::time_point now) const {
  const std::chrono::nanoseconds until_write = UntilWrite(now);
  if (wrote_soon_ && now < written_at_ + kSoon) return std::min(until_write, written_at_ + kSoon - now);
  if (until_write != kNever) return until_write;
  if (now < drained_at_ + kLate) return drained_at_ + kLate - now;
  return kNever;
}

// To be woken for every few PubAcks would cost as much: where no messages come, they are read when the next publishes
// are written.
bool EventLoop::AnswersMayWait(Clock::time_point now) const {
  return wrote_soon_ && now < written_at_ + kSoon && !feeds_handlers_ && hurried_.load(std::memory_order_relaxed) == 0;
}

// A millisecond at most.
std::chrono::nanoseconds EventLoop::UntilWrite(Clock::time_point now) const {
  if (!wire_->HasUnwritten()) return kNever;
  const bool soon = urgent_.load() || hurried_.load(std::memory_order_relaxed) > 0;
  const auto due = written_at_ + (soon ? kSoon : kLate);
  return std::max<std::chrono::nanoseconds>(due - now, std::chrono::nanoseconds(0));
}

void EventLoop::BeginCalls() {
  MutexLock lock(mutex_);
  if (called_version_ != version_) {
    called_ = readables_;
    called_version_ = version_;
    takers_.clear();
    for (Readable* const each : called_) takers_.emplace(each->subscription_number(), each);
    feeds_handlers_ = std::ranges::any_of(called_, [](const Readable* each) { return each->feeds_handlers(); });
  }
  calling_ = called_version_;
}

void EventLoop::EndCalls() {
  std::vector<SubscriptionHandle> ended;  // destroyed after the lock
  MutexLock lock(mutex_);
  calling_ = 0;
  ended.swap(buried_);
  if (called_version_ != version_) changed_.NotifyAll();
}

FrameReader::Taker* EventLoop::FindTaker(std::uint64_t subscription) {
  const auto found = takers_.find(subscription);
  return found == takers_.end() ? nullptr : found->second;
}

void EventLoop::WriteDue() {
  if (!stuck() && UntilWrite(Clock::now()).count() == 0) WriteNow();
}

void EventLoop::WriteNow() {
  MutexLock lock(write_mutex_);
  if (!wire_->HasUnwritten()) return;
  const bool urgent = urgent_.exchange(false);
  const bool wrote_all = wire_->Write();
  if (this_threads_loop == this) {
    written_at_ = Clock::now();
    wrote_soon_ = urgent;
  }
  if (wrote_all == stuck()) SetStuck(!wrote_all);
}

}  // namespace penstock::eventbus::jetstream
