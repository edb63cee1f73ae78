// SPDX-License-Identifier: Apache-2.0
#include "jetstream/io/io_loop.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "naming/names.h"

namespace penstock::eventbus::jetstream {
namespace {

constexpr std::chrono::nanoseconds kNever = WritePacing::kNever;

thread_local const IoLoop* loop_of_this_thread = nullptr;

}  // namespace

absl::StatusOr<std::unique_ptr<IoLoop>> IoLoop::Create(IoThreads& threads, std::unique_ptr<ByteStream> stream,
                                                       std::string_view first_bytes, SessionRelay relay,
                                                       const WaitLimit& limit, IoEvents events) {
  absl::StatusOr<std::unique_ptr<Poller>> poller = Poller::Create();
  if (!poller.ok()) return poller.status();
  std::unique_ptr<IoLoop> loop(
      new IoLoop(threads, *std::move(poller), std::move(stream), std::move(relay), limit, std::move(events)));
  loop->ParseFirst(first_bytes);
  return loop;
}

IoLoop::IoLoop(IoThreads& threads, std::unique_ptr<Poller> poller, std::unique_ptr<ByteStream> stream,
               SessionRelay relay, const WaitLimit& limit, IoEvents events)
    : threads_(threads),
      poller_(std::move(poller)),
      stream_(std::move(stream)),
      limit_(limit),
      events_(std::move(events)),
      relay_(std::move(relay)) {}

IoLoop::~IoLoop() { Stop(); }

void IoLoop::Stop() {
  threads_.Stop(*this);
  End(absl::UnavailableError("the connection was closed"));
  if (!relay_closed_.exchange(true)) relay_.Close();
}

void IoLoop::EndLead() {
  stopping_.store(true);
  poller_->Wake();
  SetWriteBlocked(false);
}

absl::Status IoLoop::fault() {
  MutexLock lock(mutex_);
  return fault_;
}

std::uint64_t IoLoop::Subscribe(std::string_view subject, InboundHandler& handler) {
  const std::uint64_t subscription = subscriptions_.Add(handler);
  queue_.AddLine(absl::StrCat("SUB ", std::string(subject), " ", subscription, "\r\n"));
  WakeToWrite();
  return subscription;
}

void IoLoop::Unsubscribe(std::uint64_t subscription, InboundHandler& handler) {
  if (!subscriptions_.Remove(handler)) return;
  queue_.AddLine(absl::StrCat("UNSUB ", subscription, "\r\n"));
  WakeToWrite();
}

void IoLoop::HandleSoon() {
  handle_soon_.store(true);
  poller_->Wake();
}

absl::Status IoLoop::Publish(std::span<const Publication> publications) {
  if (over()) return absl::UnavailableError("publish: the connection was lost; it is being remade");
  if (absl::Status added = queue_.Add(publications); !added.ok()) return added;
  WakeToWrite();
  return absl::OkStatus();
}

void IoLoop::WakeToWrite() {
  poller_->Wake(waiters_.load(std::memory_order_relaxed) > 0 ? Poller::Sleep::kDozing : Poller::Sleep::kAsleep);
}

void IoLoop::WriteSoon() {
  if (urgent_.load() || urgent_.exchange(true)) return;
  poller_->Wake();
}

bool IoLoop::Ping(Clock::time_point deadline, const std::stop_token& stop) {
  if (over()) return false;
  const LowLatencyScope waiting(*this);
  const std::uint64_t number = queue_.AddPing(SendQueue::PingOwner::kLoop);
  poller_->Wake();
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (pongs_ < number && !over() && !stop.stop_requested() && changed_.WaitUntil(lock, deadline)) {
  }
  return pongs_ >= number;
}

bool IoLoop::OnLoopThread() { return loop_of_this_thread != nullptr; }

void IoLoop::AwaitWritable(Clock::time_point deadline) {
  if (OnLoopThread()) return;
  MutexLock lock(mutex_);
  while (write_blocked() && changed_.WaitUntil(lock, deadline)) {
  }
}

// A connection that ended meanwhile holds nobody up.
void IoLoop::SetWriteBlocked(bool blocked) {
  MutexLock lock(mutex_);
  write_blocked_.store(blocked && running(), std::memory_order_relaxed);
  if (!blocked) changed_.NotifyAll();
}

void IoLoop::Lead() {
  loop_of_this_thread = this;
  while (running()) {
    // Only looking costs less than being woken by somebody who could have gone on.
    const Poller::Ready ready = Await(/*wait=*/!handled_);
    CheckSession(ready);
    if (running() && !Handle(ready.server_input)) return;
  }
  if (over()) relay_.Close();
  loop_of_this_thread = nullptr;
}

Poller::Ready IoLoop::Await(bool wait) {
  if (wait) poller_->FallAsleep();
  const Clock::time_point now = Clock::now();
  std::chrono::nanoseconds longest = LongestWait(now);
  const bool look = !wait || stream_->has_buffered() || handle_soon_.load() || stopping_.load();
  if (look) longest = std::chrono::nanoseconds(0);
  if (wait && longest <= WritePacing::kLate) {
    poller_->SleepNoDeeperThan(longest <= WritePacing::kSoon ? Poller::Sleep::kAwake : Poller::Sleep::kDozing);
  }
  Poller::Ready ready = poller_->Poll(Wanted(wait, now), longest);
  if (ready.server_room) WriteNow();
  ready.server_input = ready.server_input || stream_->has_buffered();
  return ready;
}

// To be woken for every few PubAcks would cost as much as they do: while only publishing goes on, they are read when
// the next publishes are written.
Poller::Wanted IoLoop::Wanted(bool wait, Clock::time_point now) const {
  const bool answers_may_wait = wait && !write_blocked() && pacing_.publishing(now) &&
                                !subscriptions_.feeds_handlers() && waiters_.load(std::memory_order_relaxed) == 0;
  return {.server = stream_->descriptor(),
          .server_input = !answers_may_wait,
          .server_room = write_blocked(),
          .relay = relay_.descriptor(),
          .cancel = relay_.established() ? -1 : limit_.cancel_descriptor};
}

std::chrono::nanoseconds IoLoop::LongestWait(Clock::time_point now) const {
  const std::chrono::nanoseconds longest = write_blocked() ? kNever : pacing_.LongestSleep(now, UntilWrite(now));
  if (relay_.established()) return longest;
  return std::clamp<std::chrono::nanoseconds>(limit_.deadline - now, std::chrono::nanoseconds(0), longest);
}

std::chrono::nanoseconds IoLoop::UntilWrite(Clock::time_point now) const {
  return queue_.empty() ? kNever : pacing_.UntilWrite(now, urgent());
}

void IoLoop::CheckSession(const Poller::Ready& ready) {
  if (ready.relay) Require(relay_.OnReadable(queue_));
  if (relay_.established()) return;
  if (ready.cancel) End(absl::CancelledError("connect: the connection is being closed"));
  if (Clock::now() >= limit_.deadline) End(absl::UnavailableError("no answer to CONNECT in time"));
}

// False when another thread leads now.
bool IoLoop::Handle(bool readable) {
  const bool handles = handle_soon_.exchange(false) || readable;
  const bool idle = std::exchange(handled_, handles) && !handles;
  std::optional<std::size_t> slot;
  if (handles || idle) {
    subscriptions_.BeginCalls();
    if (readable) Read();
    if (subscriptions_.feeds_handlers()) slot = threads_.ReserveInline();
    subscriptions_.ForEach([&](InboundHandler& each) { handles ? each.OnReadable() : each.OnIdle(); });
    subscriptions_.EndCalls();
  }
  if (handles) pacing_.Received(Clock::now());
  if (running() && !write_blocked() && UntilWrite(Clock::now()).count() == 0) WriteNow();
  if (!slot) return true;
  loop_of_this_thread = nullptr;
  if (!threads_.RunInline(*slot)) return false;
  loop_of_this_thread = this;
  return true;
}

void IoLoop::Read() {
  const std::array<iovec, 2> room = parser_.Room();
  const ByteStream::Progress progress = stream_->Read(room);
  if (progress.ended) return End(stream_->fault());
  parser_.Arrived(progress.bytes, *this);
  if (!parser_.fault().empty()) {
    End(absl::UnavailableError(absl::StrCat("the server broke the protocol: ", std::string(parser_.fault()))));
  }
}

void IoLoop::ParseFirst(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(parser_.Room()[0].iov_base, bytes.data(), std::min(bytes.size(), ProtocolParser::kBufferBytes));
  parser_.Arrived(bytes.size(), *this);
}

void IoLoop::OnControlLine(std::string_view line) {
  if (line == "PONG") return OnPong();
  if (line == "PING") return queue_.AddLine("PONG\r\n");
  if (line == "+OK") return;
  if (line.starts_with("-ERR")) return OnServerError(line);
  if (line.starts_with("INFO ")) {
    const absl::StatusOr<ServerInfo> info = ParseServerInfo(line);
    if (info.ok() && events_.info) events_.info(*info);
    return;
  }
  End(absl::UnavailableError(absl::StrCat("the server broke the protocol: ", Quoted(line))));
}

void IoLoop::OnPong() {
  const std::optional<SendQueue::PingOwner> owner = queue_.TakePing();
  if (!owner) return;
  if (*owner == SendQueue::PingOwner::kLibrary) return Require(relay_.SendPong());
  MutexLock lock(mutex_);
  ++pongs_;
  changed_.NotifyAll();
}

// The library ends the session for most of them. A refused subject does not concern it.
void IoLoop::OnServerError(std::string_view line) {
  const std::string text(ErrorText(line));
  if (events_.error) events_.error(text);
  if (absl::StrContains(absl::AsciiStrToLower(text), "permissions violation")) return;
  last_error_ = text;
  Require(relay_.Send(absl::StrCat(std::string(line), "\r\n")));
}

void IoLoop::Require(const absl::Status& status) {
  if (!status.ok()) End(status);
}

void IoLoop::End(absl::Status why) {
  {
    MutexLock lock(mutex_);
    if (over()) return;
    const bool has_words = absl::IsUnavailable(why) && !last_error_.empty();
    fault_ = has_words ? absl::UnavailableError(absl::StrCat("the server said ", Quoted(last_error_))) : std::move(why);
    over_.store(true, std::memory_order_release);
    write_blocked_.store(false, std::memory_order_relaxed);
    changed_.NotifyAll();
  }
  stream_->Shutdown();
  if (events_.ended) events_.ended();
}

void IoLoop::WriteNow() {
  MutexLock lock(write_mutex_);
  if (queue_.empty()) return;
  const bool was_urgent = urgent_.exchange(false);
  const bool wrote_all = queue_.Write(*stream_);
  if (loop_of_this_thread == this) pacing_.Wrote(Clock::now(), was_urgent);
  if (wrote_all == write_blocked()) SetWriteBlocked(!wrote_all);
}

}  // namespace penstock::eventbus::jetstream
