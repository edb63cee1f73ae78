// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/inbox.h"
#include "jetstream/message/encoded_publish.h"
#include "jetstream/publish/key_gate.h"
#include "jetstream/publish/loss_detector.h"
#include "jetstream/publish/pub_ack.h"
#include "jetstream/publish/publish_status.h"
#include "jetstream/publish/subject_backoff.h"
#include "penstock/actorpool/internal/mutex.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// Sends messages to streams and keeps each until the server has acknowledged it.
///
/// A message goes out again, with the same message ID, on every new connection; after a back-off, when the server could
/// not store it at the moment; and, while its connection lives, when it is lost (`LossDetector`). A subject that is
/// backing off holds its later messages back too.
///
/// **Thread safety:** thread-safe.
/// **Ownership:** owns its thread and its messages; shares the connection, which must outlive it.
/// **Blocking:** `Publish` while the window is full or the socket takes nothing more, for up to the timeout; never on
/// the thread of an `IoLoop`, which would have to end that: there the window may be exceeded.
/// **Ordering:** messages of one subject and order key are stored in the order of the calls: each goes out when the one
/// before it has ended (`KeyGate`), sent by the thread that reads the answer. When one runs out of time, those that
/// wait behind it fail too, so that they can be published again in order. Messages without a key are sent in the
/// order of the calls and keep it as long as none is lost or refused.
/// **Shutdown:** `Close` tells every outstanding publish `kCancelled`.
class Publisher : private ConnectionObserver {
 public:
  struct Limits {
    std::chrono::milliseconds timeout{30'000};
    std::size_t window = 4096;
  };

  static std::unique_ptr<Publisher> Start(Connection& connection, Limits limits);
  ~Publisher() override;

  /// As `Transport::Publish`.
  absl::Status Publish(const OutboundMessage& message, PublishDone done);

  /// Waits until nothing is outstanding and every callback has returned. `kDeadlineExceeded`. Not from a callback.
  absl::Status AwaitIdle(Connection::Clock::time_point deadline);

  void Close();

  std::uint64_t pending() const { return pending_count_.load(std::memory_order_relaxed); }
  std::uint64_t retries() const { return retries_.load(std::memory_order_relaxed); }

 private:
  using Clock = Connection::Clock;

  struct Subject {
    KeyGate gate{};
    LossDetector losses{};
    SubjectBackoff backoff{};
    std::size_t outstanding = 0;
  };
  struct Entry {
    EncodedPublish message;
    PublishDone done;
    Clock::time_point deadline;
    std::uint64_t order_key = 0;
    Subject* subject = nullptr;
    bool queued = false;  ///< behind another publish of its key
    Sending sending{};
    const char* cause = kNotConnected;  ///< why it was not stored yet
  };
  using Entries = absl::flat_hash_map<std::uint64_t, Entry>;
  struct Answer {
    std::uint64_t index = 0;
    bool no_responders = false;
    PublishReply reply{};
  };
  // What has ended under the lock and is told after it.
  struct Ended {
    PublishDone done{};
    absl::StatusOr<PubAck> result;
  };

  Publisher(Connection& connection, Limits limits) : connection_(connection), limits_(limits) {}

  void OnConnectionChanged() override;
  void OnDenied(const std::string& subject) override;

  absl::Status AwaitRoom(MutexLock& lock, Clock::time_point deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<Link> LeaveToLoop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Subject& SubjectNamed(std::string_view name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enter(std::uint64_t index, Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SendNew(std::uint64_t index) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SendAgain(std::uint64_t index, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool SendFreed(std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Send(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HeldBack(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void OnReply(MessageHandle reply, bool more);
  static Answer ReadAnswer(const ReceivedMessage& reply, std::uint64_t index);
  void Settle(Answer& answer, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BackOff(Entry& entry, const char* cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AskAgain(Entry& entry, const char* cause) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Ended End(Entries::iterator entry, absl::StatusOr<PubAck> result) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Remove(Entries::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Run();
  Clock::time_point NextWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Attach();
  void ResendAll(std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResumeSubjects(Clock::time_point now, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIdleSubjects() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResendLost(Clock::time_point now, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailDenied(std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailExpired(Clock::time_point now, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop(const std::vector<std::uint64_t>& indexes, std::vector<Ended>& ended) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<std::uint64_t> Indexes(const std::function<bool(Entry&)>& wanted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Tell(std::vector<Ended> ended);

  Connection& connection_;
  const Limits limits_;
  // Replies come to `<prefix><index>`, on every connection alike.
  const std::string inbox_prefix_ = connection_.NewInbox() + ".";
  std::atomic<std::uint64_t> last_index_{0};                  // relaxed: a number by itself
  std::atomic<std::uint64_t> pending_count_{0}, retries_{0};  // relaxed: gauges of what `mutex_` guards

  Mutex mutex_;
  CondVar work_;     // for the thread
  CondVar settled_;  // for those who wait for room or for the end
  Entries entries_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Subject, std::less<>> subjects_ ABSL_GUARDED_BY(mutex_);
  std::size_t backing_off_ ABSL_GUARDED_BY(mutex_) = 0;       // of them
  std::vector<std::uint64_t> freed_ ABSL_GUARDED_BY(mutex_);  // may go out, since the one before them has ended
  std::vector<std::string> denied_ ABSL_GUARDED_BY(mutex_);
  std::vector<Ended> ended_ ABSL_GUARDED_BY(mutex_);    // what answers have ended, for the thread to tell
  std::shared_ptr<Link> link_ ABSL_GUARDED_BY(mutex_);  // null until its inbox is subscribed
  Clock::time_point next_deadline_ ABSL_GUARDED_BY(mutex_) = Clock::time_point::max();  // none is earlier
  Clock::time_point next_look_ ABSL_GUARDED_BY(mutex_){};
  std::uint64_t looks_ ABSL_GUARDED_BY(mutex_) = 0;     // for lost publishes
  std::uint64_t sendings_ ABSL_GUARDED_BY(mutex_) = 0;  // of all publishes
  std::size_t queued_ ABSL_GUARDED_BY(mutex_) = 0;      // behind others of their key
  std::size_t gathered_ ABSL_GUARDED_BY(mutex_) = 0;    // bytes published since a publisher wrote
  std::size_t untold_ ABSL_GUARDED_BY(mutex_) = 0;      // ended, and their callbacks not back yet
  std::size_t waiters_ ABSL_GUARDED_BY(mutex_) = 0;
  bool connection_changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<Answer> answers_{};  // of the inbox's thread: not settled yet, since more are coming
  std::shared_ptr<Inbox> inbox_;   // of the thread, once it runs
  std::thread thread_;             // joined by `Close`
};

}  // namespace penstock::eventbus::jetstream
