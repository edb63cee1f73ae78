// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nats.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "jetstream/io/handles.h"
#include "jetstream/io/loop_crew.h"
#include "jetstream/io/wire.h"
#include "jetstream/protocol/frame_reader.h"
#include "penstock/actorpool/internal/mutex.h"

namespace penstock::eventbus::jetstream {

/// Something that messages may be waiting in after the loop has read: what it took, or what the library holds for it.
class Readable : public FrameReader::Taker {
 public:
  virtual ~Readable() = default;
  /// The library's number of its subscription.
  virtual std::uint64_t subscription_number() const = 0;
  /// Whether handlers wait for what comes here.
  virtual bool feeds_handlers() const = 0;
  /// Takes what waits. On the loop's thread, as the next; must not block.
  virtual void Drain() = 0;
  /// Nothing waits any more: the loop is about to.
  virtual void Rest() = 0;
};

/// Reads and writes for one nats.c connection, on one thread: reads what has come, has the inboxes hand it on, then
/// writes what was published meanwhile (see `Wire`). nats.c by itself reads on one thread and hands on from another,
/// which then fight for a lock and wake each other, message by message; and it writes what was published a millisecond
/// later. Between reading and the next look at the socket it lends a hand with the handlers (see `LoopCrew`).
///
/// Writing is paced: what somebody waits for goes out at once, though not more often than every 200 us, the rest
/// (acknowledgements) within a millisecond.
///
/// **Thread safety:** thread-safe. **Ownership:** refers to its crew, whose threads it runs on; the connection must not
/// be destroyed before `Stop` has returned.
/// **Ordering:** what nats.c took is written in that order. **Shutdown:** `Stop`.
class EventLoop final : public Watch, private FrameReader::Takers {
 public:
  using Clock = std::chrono::steady_clock;

  /// For a connection that is `encrypted`, or not. `kResourceExhausted` when the process has no file descriptor left.
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create(LoopCrew& crew, bool encrypted);
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Has the connection that is made with these options use this loop.
  natsStatus Configure(natsOptions* options);

  /// Begins, once the connection is made.
  void Start();
  /// Ends the loop and waits for it, though not for a handler. Not from it. Idempotent.
  void Stop();

  void Run() override;
  void End() override;

  /// Whether what was read waits in the library's subscriptions, instead of being handed to the readables.
  bool leaves_messages_to_library() const { return !wire_->finds_takers(); }
  /// From now on what was read is handed to, or taken from there.
  void Add(Readable& readable);
  /// No more; waits for a call of it that runs, unless called from one.
  void Remove(Readable& readable);
  /// Has every `Readable` drained, as after reading.
  void DrainSoon();

  /// Destroys a subscription that was ended, between two reads: nats.c before 3.6.1 looks subscriptions up and then
  /// uses them without holding them (nats.c issue 637).
  void Bury(SubscriptionHandle ended);

  /// As `Wire::Publish`, to be written by the loop.
  natsStatus Publish(std::span<const Publication> publications);
  /// Whether something published is still here.
  bool HasUnwritten() const { return wire_->HasUnwritten(); }
  /// Has what was published written soon by the loop. Costs nanoseconds while it is awake.
  void WriteSoon();
  /// Writes what was published, on this thread, as far as the socket takes it at once.
  void WriteNow();

  /// While somebody waits for an answer, what is published is written soon.
  class Hurry {
   public:
    explicit Hurry(EventLoop& loop) : loop_(loop) { loop_.hurried_.fetch_add(1, std::memory_order_relaxed); }
    ~Hurry() { loop_.hurried_.fetch_sub(1, std::memory_order_relaxed); }
    Hurry(const Hurry&) = delete;
    Hurry& operator=(const Hurry&) = delete;

   private:
    EventLoop& loop_;
  };

  /// Whether the socket takes nothing more at the moment.
  bool stuck() const { return stuck_.load(std::memory_order_relaxed); }
  /// Waits while it is, so that what is published does not pile up here, until `deadline` at the latest. On a loop's
  /// thread it does not wait: that is the one to write.
  void AwaitRoom(Clock::time_point deadline);

  /// Whether this is a thread of any loop: it must not wait for what only a loop can bring.
  static bool OnLoopThread();

 private:
  /// How long the loop may not look by itself.
  enum class Sleep : int {
    kAwake,  ///< 200 us at most: nobody has to wake it
    kDozes,  ///< a millisecond at most: who is in a hurry does
    kSleeps,
  };

  EventLoop(LoopCrew& crew, int wake_fd, bool encrypted)
      : crew_(crew), wake_fd_(wake_fd), wire_(Wire::Make(encrypted)) {}

  static natsStatus OnAttach(void** user_data, void* loop, natsConnection* connection, natsSock socket);
  static natsStatus OnRead(void* user_data, bool add);
  static natsStatus OnWrite(void* user_data, bool add);
  static natsStatus OnDetach(void* user_data);

  /// Waits, or only looks, for something to do; true when there is something to read.
  bool Poll(bool wait);
  FrameReader::Taker* FindTaker(std::uint64_t subscription) override;
  bool HandOn(bool readable);
  bool running() const { return attached() && !stopping_.load(std::memory_order_relaxed); }
  std::chrono::nanoseconds UntilWrite(Clock::time_point now) const;
  std::chrono::nanoseconds LongestSleep(Clock::time_point now) const;
  bool AnswersMayWait(Clock::time_point now) const;
  bool attached() const { return attached_.load(std::memory_order_acquire); }
  void BeginCalls();
  void EndCalls();
  void WriteDue();
  void SetStuck(bool stuck);
  void WakeToWrite();
  void Wake(Sleep from = Sleep::kDozes);

  LoopCrew& crew_;
  const int wake_fd_;
  const std::unique_ptr<Wire> wire_;
  std::atomic<bool> attached_{false};
  std::atomic<bool> stopping_{false};
  // Sequentially consistent, these: who sets one and then sees the loop asleep wakes it, and the loop looks at them
  // after it has said that it sleeps.
  std::atomic<Sleep> sleep_{Sleep::kAwake};
  std::atomic<bool> urgent_{false};
  std::atomic<bool> drain_{false};
  std::atomic<int> hurried_{0};     // relaxed: a hint
  std::atomic<bool> stuck_{false};  // the socket takes nothing more; relaxed: a hint that is also notified

  Mutex write_mutex_;  // nats.c takes writing nothing for a closed connection; so one at a time, after a look

  Mutex mutex_;
  CondVar changed_;
  std::vector<Readable*> readables_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t version_ ABSL_GUARDED_BY(mutex_) = 1;  // of `readables_`
  std::uint64_t calling_ ABSL_GUARDED_BY(mutex_) = 0;  // the version whose readables read and are called; 0: none
  std::vector<SubscriptionHandle> buried_ ABSL_GUARDED_BY(mutex_);

  // Of the thread that runs it.
  std::vector<Readable*> called_{};
  absl::flat_hash_map<std::uint64_t, Readable*> takers_{};  // the same, by their subscriptions
  std::uint64_t called_version_ = 0;
  bool feeds_handlers_ = false;  // one of them does
  bool restless_ = false;        // drained since it last rested
  Clock::time_point written_at_{};
  Clock::time_point drained_at_{};
  bool wrote_soon_ = false;  // the last time, somebody was in a hurry
};

}  // namespace penstock::eventbus::jetstream
