// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "jetstream/api/api_client.h"
#include "jetstream/api/consumer_api.h"
#include "jetstream/api/stream_api.h"
#include "jetstream/connection/connection.h"
#include "jetstream/connection/inbox.h"
#include "jetstream/consume/outside_changes.h"
#include "jetstream/message/received_message.h"
#include "jetstream/recovery/stream_lineage.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {

/// The common part of JetStream's consumers: a thread that brings session and server together again, always in the
/// same way, whenever they may have lost each other: a new connection, a gap, silence where heartbeats are due.
///
/// **Thread safety:** thread-safe. **Ownership:** owns its thread and inbox; the connection must outlive it.
/// **Blocking:** `Stop` for a callback that runs and, while the server does not answer, a request that runs (1.5 s at
/// most).
/// **Ordering:** events come one at a time: an inbox is closed before the next one is opened.
/// **Shutdown:** derived classes call `Stop` in their destructors.
class ConsumerSession : public Consumer, private ConnectionObserver {
 public:
  /// The result of a synchronisation.
  enum class Outcome {
    kFlowing,    ///< messages come
    kStandingBy  ///< another process owns the consumer
  };

  /// Synchronises for the first time, on this thread, then goes on in its own. Tries for `kOpenBudget` while the server
  /// does not answer (the last try may end later); what it refuses is told at once.
  absl::Status Start();

  using Consumer::Acknowledge;
  absl::Status Acknowledge(std::span<const Acknowledgement> deliveries) override;
  void StopArrivals() override;
  void Stop() override;
  ConsumerStats Stats() const override;
  std::chrono::steady_clock::time_point receives_since() const override {
    const std::shared_ptr<Link> link = connection_.link();
    const bool flows = link != nullptr && flows_on_.load(std::memory_order_acquire) == link->generation();
    return flows ? Clock::time_point(Clock::duration(flows_since_.load(std::memory_order_relaxed)))
                 : Clock::time_point::max();
  }

 protected:
  using Clock = Connection::Clock;

  ConsumerSession(Connection& connection, ConsumerSpec spec, ConsumerEvents events, LogSink log);

  /// Makes consumer and inbox fit each other on `link`; the inbox is handed to `Adopt`. An error that is marked as
  /// lasting ends the session, others are tried again for as long as it lives.
  virtual absl::StatusOr<Outcome> Synchronise(const std::shared_ptr<Link>& link) = 0;
  /// Called for each message, on the thread of the inbox.
  virtual void OnMessage(MessageHandle message, bool more) = 0;
  /// After the inbox was opened, and every `Tick` while messages flow.
  virtual void OnTick(const std::shared_ptr<Link>& /*link*/, Clock::time_point /*now*/) {}
  virtual Clock::duration Tick() const { return std::chrono::milliseconds(250); }
  /// Called before the inbox is closed, also when there is none.
  virtual void OnWithdraw() {}
  /// Called before the last inbox is closed.
  virtual void OnRelease() {}
  /// The stream is another than before, but for its messages up to `kept_up_to`, if any.
  virtual void OnStreamMadeAgain(std::uint64_t /*kept_up_to*/) {}
  /// When to look again while another process owns the consumer.
  virtual Clock::duration StandByPause() { return Tick(); }
  /// The configuration that the consumer has by now, if nobody changed it; nothing while that is not known.
  virtual std::optional<Json> Expected() const = 0;
  /// The lowest sequence that came here and is not settled, where that is known.
  virtual std::optional<std::uint64_t> LowestInHand() const { return std::nullopt; }
  /// How long the server may be silent now.
  virtual Clock::duration LongestSilence() const = 0;
  /// Called when the session has stopped.
  virtual void OnStopped() {}
  /// Told of messages that came, before they are handed on, or not.
  /// Messages came that nobody is told of any more.
  virtual void OnDropped(const std::vector<std::unique_ptr<StoredMessage>>& /*messages*/) {}
  /// See `ConsumerStats`.
  virtual bool caught_up() const { return true; }
  virtual void OnArrivals(const std::vector<std::unique_ptr<StoredMessage>>& /*messages*/) {}
  /// Whether each delivery has such an answer of its own.
  virtual bool AnswersEach(AckType /*type*/) const { return true; }
  /// Told that the messages with these sequences need no redelivery any more, whether the server can be told or not.
  /// They are sequences of `epoch`, which may be over by now.
  virtual void OnSettled(std::span<const std::uint64_t> /*sequences*/, std::uint64_t /*epoch*/) {}
  /// Told before a Nak of the message is sent.
  virtual void OnAskedFor(std::uint64_t /*sequence*/) {}
  /// Told the same after their answers were sent; sends one for all of them, if such is due.
  virtual absl::Status OnAcknowledged(Link& /*link*/, std::span<const std::uint64_t> /*sequences*/) {
    return absl::OkStatus();
  }

  /// The subject of the session's next inbox: below `inbox_prefix_`, where nobody else listens.
  std::string NextInbox() { return absl::StrCat(inbox_prefix_, ++inboxes_); }
  /// Opens an inbox whose messages go to `OnMessage`, in place of the one before; nothing comes until synchronising has
  /// succeeded.
  absl::Status OpenInbox(const std::shared_ptr<Link>& link, const std::string& subject);
  /// Looks whether the stream is another than when this was last called; remembered until `NoteConsumer`. While the
  /// stream has less than was delivered of it, `kUnavailable`: its server lags behind. When it stays so, it has lost
  /// its end.
  absl::Status LookAtStream();
  /// The stream when it was looked at.
  const StreamIdentity& stream() const { return stream_; }
  absl::Status CheckStream(const StreamFacts& found) const;
  /// Whether the stream still has `mark`; nothing when it has no such message, or there is no mark.
  absl::StatusOr<std::optional<bool>> IsAsItWas(const std::optional<StreamMarks::Mark>& mark);
  /// Whether the stream is the one that was created then, in the server's words, and still has `mark`.
  absl::StatusOr<bool> IsSameStream(const std::string& created, const StreamMarks::Mark& mark);
  /// As `CheckFits`, with what is around the consumer.
  absl::Status CheckFitsHere(const Json& existing, const Json& wanted);
  /// Logs which settings of somebody else's consumer are about to be changed.
  void TellChanges(const Json& existing, const Json& adjusted);
  /// Notes which consumer the session is at, `made` by this synchronisation or found. When it is another than before,
  /// acknowledgements of before mean nothing any more; when its stream is too, sequences neither, and the owner is
  /// told. Before the inbox is released.
  absl::Status NoteConsumer(const ConsumerIdentity& consumer, bool made);
  /// Asks the session's thread to synchronise again.
  void RequestSynchronisation(const char* why);
  /// Wakes the session's thread.
  void Nudge();
  /// The fencing token that deliveries carry from now on. Before the inbox is released.
  void SetFence(std::uint64_t fence) { fence_ = fence; }
  std::uint64_t fence() const { return fence_; }
  /// The server spoke.
  void Heard() { last_heard_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed); }

  static constexpr std::size_t kMostArrivals = 128;
  /// Collects a message for `FlushArrivals`, which hands on what was collected.
  void Deliver(MessageHandle message, const AckSubject& ack);
  void FlushArrivals();
  std::size_t undelivered() const { return arrivals_.size(); }
  void WarnOfStranger();

  Clock::time_point last_heard() const {
    return Clock::time_point(Clock::duration(last_heard_.load(std::memory_order_relaxed)));
  }
  Clock::duration Jittered(std::chrono::milliseconds least, std::chrono::milliseconds most);
  std::string Describe(const std::string& what) const;
  std::stop_token stop_token() const { return stop_.get_token(); }
  /// Up to where everything was settled when the consumer was looked at; 0: not known. Of the session's thread.
  void NoteSettled(std::uint64_t floor) { floor_ = floor; }
  std::uint64_t settled() const { return floor_; }
  const ConsumerIdentity& consumer() const { return consumer_; }
  bool synchronised_before() const { return synchronised_ > 0; }
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  Connection& connection_;
  ApiClient api_;
  const ConsumerSpec spec_;
  const ConsumerEvents events_;
  const LogSink log_;
  const std::string inbox_prefix_ = connection_.NewInbox() + ".";

 private:
  void OnConnectionChanged() override { Nudge(); }
  void OnDenied(const std::string& subject) override;

  void Run();
  Clock::duration Round();
  Clock::duration Watch(const std::shared_ptr<Link>& link);
  Clock::duration TrySynchronise(const std::shared_ptr<Link>& link);
  absl::StatusOr<Outcome> SynchroniseFirst(std::shared_ptr<Link>& link);
  absl::StatusOr<Outcome> SynchroniseOn(const std::shared_ptr<Link>& link);
  absl::Status MayAnswer(Link& link);
  void Resume(const std::shared_ptr<Link>& link, Outcome outcome);
  void NoteStandBy();
  Clock::duration GoOnAfter(absl::Status status);
  /// How long to wait before the next try; longer every time, until deliveries have gone on for a while.
  Clock::duration BackOff();
  Surroundings Around(const StreamIdentity& stream) const;
  void Inspect(Clock::time_point now);
  void InspectSettings(const Json& config, const Json& expected, const StreamIdentity& stream);
  void NoteArrival(const StoredMessage& last);
  void Withdraw();
  void GiveUp(absl::Status why);
  void Rest();
  absl::Status CheckKnown(const StoredMessage& message, std::uint64_t epoch) const;
  bool AwaitWork(Clock::duration longest);
  bool CalledFromEvent() const;

  std::atomic<std::int64_t> last_heard_{0};  // relaxed: a time, compared with seconds of slack
  std::atomic<std::uint64_t> epoch_{1};      // acquire/release: orders `on_stream_recreated` before what settles in it
  std::atomic<std::uint64_t> resubscribes_{0};      // relaxed: a counter
  std::atomic<std::uint64_t> strangers_{0};         // relaxed: a counter
  std::atomic<std::uint64_t> answers_refused_{0};   // relaxed: a counter
  std::atomic<bool> answer_refused_{false};         // relaxed: since it was asked whether they are taken
  std::atomic<std::uint64_t> highest_{0};           // relaxed: the last sequence that came
  std::atomic<std::uint64_t> followed_by_{0};       // relaxed: how many were to follow it
  std::atomic<std::uint64_t> flows_on_{0};          // `generation_`, for other threads
  std::atomic<std::int64_t> flows_since_{0};        // written before `flows_on_`, which releases it
  std::atomic<bool> standing_by_{false};            // relaxed: a gauge
  std::atomic<bool> restless_{false};               // something arrived since `resting` was told
  std::atomic<bool> stopping_{false};               // relaxed: also set under `mutex_`, which orders it
  std::atomic<std::thread::id> feed_thread_{};      // relaxed: matters only to the thread it names
  std::atomic<std::thread::id> callback_thread_{};  // likewise

  std::stop_source stop_{};  // ends requests that run

  Mutex mutex_;
  CondVar work_;
  bool nudged_ ABSL_GUARDED_BY(mutex_) = false;
  bool quiet_ ABSL_GUARDED_BY(mutex_) = false;                   // nothing arrives any more
  bool calling_ ABSL_GUARDED_BY(mutex_) = false;                 // `arrived` runs
  const char* resynchronise_ ABSL_GUARDED_BY(mutex_) = nullptr;  // why, when it has to be done

  // Of the thread (before it runs: the opener's).
  std::shared_ptr<Inbox> inbox_{};
  std::uint64_t generation_ = 0;  // of the connection that the session flows on; 0 when it does not flow
  std::uint64_t synchronised_ = 0;
  Clock::time_point resumed_at_{};
  std::uint64_t inboxes_ = 0;
  std::chrono::milliseconds backoff_{0};
  std::string last_trouble_{};    // logged once
  bool stand_by_logged_ = false;  // since messages came last
  ConsumerIdentity consumer_{};
  StreamIdentity stream_{};  // when it was looked at
  bool stream_made_again_ = false;
  std::uint64_t floor_ = 0;
  std::uint64_t asked_permission_on_ = 0;  // the generation of the link whose user may answer
  OutsideChanges outside_changes_{};
  std::minstd_rand random_;

  // Of the inbox's thread; read while no inbox is open.
  std::vector<std::unique_ptr<StoredMessage>> arrivals_{};
  std::uint64_t fence_ = 0;  // written while no inbox is open
  StreamLineage lineage_{};
  Mutex join_mutex_;
  std::thread thread_ ABSL_GUARDED_BY(join_mutex_);
};

}  // namespace penstock::eventbus::jetstream
