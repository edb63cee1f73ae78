// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "delivery/in_flight_message.h"

namespace penstock::eventbus::simulation {

/// A JetStream server with one stream and one consumer with explicit acks, as far as a client can see it: which
/// message is delivered when, in which order, and for the how many-th time. Messages are known by sequence only.
/// Checked against real servers by `server_model_test`.
///
/// Thread-compatible; no clock: the caller passes the time.
class ModelServer {
 public:
  struct ConsumerOptions {
    bool pushes = true;
    bool acknowledges = true;
    std::chrono::milliseconds ack_wait{30'000};
    std::size_t max_ack_pending = 1000;
    std::uint64_t start = 1;
    /// As 2.10.27: what was sent to an inbox that nobody listened to is left out at the next one, unless it is in line.
    bool forgets_unheard = false;
  };

  struct Sent {
    std::uint64_t sequence = 0;
    std::uint64_t delivery_count = 1;
    std::uint64_t pending = 0;  ///< not yet delivered after this one
    std::size_t inbox = 0;
  };

  /// The sequence of the message.
  std::uint64_t Publish() { return ++last_; }
  /// The stream is deleted, with its consumer, and created again, empty.
  void MakeStreamAgain();

  void MakeConsumer(const ConsumerOptions& options, TimePoint now);
  void DeleteConsumer();
  bool has_consumer() const { return exists_; }
  void SetMaxAckPending(std::size_t most) { options_.max_ack_pending = most; }

  /// Gives a pushing consumer a new inbox: everything pending goes out again first: what is in line for redelivery in
  /// its order, then the rest in stream order.
  void Bind(std::size_t inbox, TimePoint now);
  /// Somebody listens on the inbox, which was there before, or nobody does: 0.
  void Listen(std::size_t inbox) { bound_ = inbox; }
  /// That message was sent to an inbox that nobody listened to.
  void Unheard(std::uint64_t sequence);
  /// Asks a pulled consumer for `count` more.
  void Pull(std::size_t inbox, std::size_t count);
  /// Nobody is at that inbox any more.
  void Leave(std::size_t inbox);

  void Ack(std::uint64_t sequence, TimePoint now);  ///< also Term
  void Nak(std::uint64_t sequence, TimePoint now);
  void InProgress(std::uint64_t sequence, TimePoint now);

  /// Puts what was not settled in time in line for redelivery; returns it.
  std::vector<std::uint64_t> Expire(TimePoint now);
  /// The deliveries that go out now.
  std::vector<Sent> Pump(TimePoint now);

  /// Killed and started again: what consumers did since the last time it was written down is forgotten (`kFlush`), and
  /// nobody is connected. Returns what was settled and now is not.
  std::vector<std::uint64_t> Crash(TimePoint now);
  /// Another server leads that has the consumer as it was up to some seconds ago (2.10.27, seen by chaos: 20 s).
  void FallBack(TimePoint now);

  std::uint64_t last() const { return last_; }
  std::uint64_t delivered() const { return state_.next - 1; }
  std::size_t pending() const { return state_.pending.size(); }
  bool IsSettled(std::uint64_t sequence) const { return sequence < state_.next && !state_.pending.contains(sequence); }
  /// Everything was delivered and settled.
  bool settled() const { return state_.next > last_ && state_.pending.empty(); }
  /// Everything up to here is settled.
  std::uint64_t ack_floor() const { return (state_.pending.empty() ? state_.next : state_.pending.begin()->first) - 1; }

 private:
  static constexpr std::chrono::milliseconds kFlush{100};
  static constexpr std::chrono::milliseconds kOld{3000};

  struct Pending {
    TimePoint deadline{};
    std::uint64_t deliveries = 0;
    bool in_line = false;  // for redelivery
    bool unheard = false;
  };
  struct State {
    std::uint64_t next = 1;
    std::map<std::uint64_t, Pending> pending{};
    std::deque<std::uint64_t> line{};  // for redelivery
  };
  struct Request {
    std::size_t inbox = 0;
    std::size_t count = 0;
  };

  void Touch(TimePoint now);
  bool SendOne(std::size_t inbox, TimePoint now, std::vector<Sent>& sent);

  std::uint64_t last_ = 0;
  bool exists_ = false;
  ConsumerOptions options_{};
  std::size_t bound_ = 0;
  std::deque<Request> requests_{};
  State state_{};
  State written_{};
  TimePoint written_at_{};
  State old_{};
  TimePoint old_at_{};
};

}  // namespace penstock::eventbus::simulation
