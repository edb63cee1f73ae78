// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/io/io_threads.h"
#include "jetstream/io/poller.h"
#include "jetstream/io/send_queue.h"
#include "jetstream/io/session_relay.h"
#include "jetstream/io/subscription_table.h"
#include "jetstream/io/write_pacing.h"
#include "jetstream/protocol/protocol_parser.h"
#include "jetstream/protocol/server_info.h"
#include "jetstream/socket/byte_stream.h"
#include "jetstream/socket/dial.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Events of a connection. Called on the thread of the loop; must not block.
struct IoEvents {
  /// The connection is over. Told once.
  std::function<void()> ended{};
  /// The server reported an error (`-ERR`).
  std::function<void(std::string_view text)> error{};
  /// The server told anew about itself.
  std::function<void(const ServerInfo& info)> info{};
};

/// Reads and writes for one connection to a server: hands messages to the handlers of their subscriptions, writes what
/// was queued, and carries the session of nats.c by its relay. Between reading and the next look at the socket it runs
/// short user handlers (`IoThreads`). When it writes is decided by `WritePacing`.
///
/// **Thread safety:** thread-safe. **Ownership:** owns the connection; refers to its threads and to the handlers until
/// these are removed. **Blocking:** only where said. **Ordering:** what is published is sent in the order of the calls.
/// **Shutdown:** `Stop`.
class IoLoop final : public LeaderTask, private ProtocolParser::Receiver {
 public:
  using Clock = std::chrono::steady_clock;

  /// `first_bytes` were read from the stream already. Until the session is established, `limit` bounds it.
  /// `kResourceExhausted` when the process has no descriptor left.
  static absl::StatusOr<std::unique_ptr<IoLoop>> Create(IoThreads& threads, std::unique_ptr<ByteStream> stream,
                                                        std::string_view first_bytes, SessionRelay relay,
                                                        const WaitLimit& limit, IoEvents events);
  ~IoLoop() override;
  IoLoop(const IoLoop&) = delete;
  IoLoop& operator=(const IoLoop&) = delete;

  void Start() { threads_.Start(*this); }
  /// Ends the loop and the connection; waits for the loop, though not for a user handler. Not from it. Idempotent.
  void Stop();

  void Lead() override;
  void EndLead() override;

  /// Whether the connection is at its end; then `fault` says why.
  bool over() const { return over_.load(std::memory_order_acquire); }
  absl::Status fault();

  /// Subscribes the handler to a subject; its messages come from now on.
  std::uint64_t Subscribe(std::string_view subject, InboundHandler& handler);
  /// Waits for a call of the handler that runs, unless called from one.
  void Unsubscribe(std::uint64_t subscription, InboundHandler& handler);
  /// Has every handler look for messages, as after reading.
  void HandleSoon();

  /// Queues these. `kUnavailable` once the connection is over, `kInvalidArgument` as `SendQueue::Add`.
  absl::Status Publish(std::span<const Publication> publications);
  bool has_queued() const { return !queue_.empty(); }
  /// Has what was queued written soon by the loop. Costs nanoseconds while it is awake.
  void WriteSoon();
  /// Writes what was queued, on this thread, as far as the socket takes it at once.
  void WriteNow();

  /// Asks the server for a sign of life, and waits for it: then the connection stood when this was called, and all that
  /// was published before has reached the server. False at the deadline, once the connection is over, and once `stop`
  /// is requested.
  bool Ping(Clock::time_point deadline, const std::stop_token& stop = {});

  /// While one exists, what is queued is written within 200 us, not a millisecond: somebody waits for an answer.
  class LowLatencyScope {
   public:
    explicit LowLatencyScope(IoLoop& loop) : loop_(loop) { loop_.waiters_.fetch_add(1, std::memory_order_relaxed); }
    ~LowLatencyScope() { loop_.waiters_.fetch_sub(1, std::memory_order_relaxed); }
    LowLatencyScope(const LowLatencyScope&) = delete;
    LowLatencyScope& operator=(const LowLatencyScope&) = delete;

   private:
    IoLoop& loop_;
  };

  /// Whether the socket takes nothing more at the moment.
  bool write_blocked() const { return write_blocked_.load(std::memory_order_relaxed); }
  /// Waits while it does not, so that what is published does not pile up here, until `deadline` at the latest. On a
  /// loop's thread it does not wait: that is the one to write.
  void AwaitWritable(Clock::time_point deadline);

  /// Whether this is a thread of any loop: it must not wait for what only a loop can bring.
  static bool OnLoopThread();

 private:
  IoLoop(IoThreads& threads, std::unique_ptr<Poller> poller, std::unique_ptr<ByteStream> stream, SessionRelay relay,
         const WaitLimit& limit, IoEvents events);

  InboundHandler* FindSink(std::uint64_t subscription) override { return subscriptions_.Find(subscription); }
  void OnControlLine(std::string_view line) override;
  void OnPong();
  void OnServerError(std::string_view line);

  bool running() const { return !over() && !stopping_.load(std::memory_order_relaxed); }
  bool urgent() const { return urgent_.load() || waiters_.load(std::memory_order_relaxed) > 0; }
  Poller::Ready Await(bool wait);
  Poller::Wanted Wanted(bool wait, Clock::time_point now) const;
  std::chrono::nanoseconds LongestWait(Clock::time_point now) const;
  std::chrono::nanoseconds UntilWrite(Clock::time_point now) const;
  void CheckSession(const Poller::Ready& ready);
  bool Handle(bool readable);
  void ParseFirst(std::string_view bytes);
  void Read();
  void SetWriteBlocked(bool blocked);
  void WakeToWrite();
  void Require(const absl::Status& status);
  void End(absl::Status why);

  IoThreads& threads_;
  const std::unique_ptr<Poller> poller_;
  const std::unique_ptr<ByteStream> stream_;
  const WaitLimit limit_;  // of establishing the session
  const IoEvents events_;
  SubscriptionTable subscriptions_{};
  SendQueue queue_{};

  std::atomic<bool> over_{false};  // release/acquire: orders `fault_`
  std::atomic<bool> stopping_{false};
  std::atomic<bool> relay_closed_{false};  // by one of those that stop the loop
  // Sequentially consistent, as the queue's flag: see `Poller`.
  std::atomic<bool> urgent_{false};
  std::atomic<bool> handle_soon_{false};
  std::atomic<int> waiters_{0};             // relaxed: a hint
  std::atomic<bool> write_blocked_{false};  // relaxed: a hint that is also notified

  Mutex write_mutex_;  // held while writing: one thread at a time, on the loop or off it

  Mutex mutex_;
  CondVar changed_;
  absl::Status fault_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t pongs_ ABSL_GUARDED_BY(mutex_) = 0;  // answers to the loop's own pings

  // Of the thread that leads.
  SessionRelay relay_;  // and, once nobody leads, of the first that stops
  ProtocolParser parser_{};
  WritePacing pacing_{};
  std::string last_error_{};  // the server's
  bool handled_ = false;      // handlers were called since they were last told of an idle moment
};

}  // namespace penstock::eventbus::jetstream
