// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "jetstream/ownership/claim_contest.h"
#include "jetstream/ownership/claim_value.h"
#include "jetstream/ownership/session_renewal.h"
#include "penstock/actorpool/internal/mutex.h"
#include "penstock/actorpool/log.h"
#include "transport/key_value_store.h"

namespace penstock::eventbus::jetstream {

/// A won claim.
struct ClaimWin {
  std::uint64_t session = 0;           ///< the number of the session that it was won in
  std::uint64_t revision = 0;          ///< ascending from owner to owner: the fencing token
  std::vector<std::string> reports{};  ///< encoded `SettledReport`s of owners before, as far as there are any
};

/// This process' session in a bucket that a quorum of servers keeps, and the claims to consumers that it holds.
///
/// The session is one key, renewed by compare-and-set every `session_time::kRenewal` from the first claim on. A renewal
/// that was committed is good for `kProof` from the time it was sent; one that was not answered proves nothing. Another
/// process that ends the session wins its claims; the session is then replaced by a new one, with another number.
///
/// With the session goes what its process has settled of each consumer, so that a successor learns it. Before a session
/// is ended it is copied to another key: whoever ends it may fail to win the claim, and there are other consumers. A
/// process that has given all its claims up removes its session when it ends.
///
/// **Thread safety:** thread-safe. **Ownership:** owns a thread, `ps-lease`, and the store.
/// **Blocking:** `TryClaim` and `Release` for their limits; the destructor for a call that runs.
class SessionLease {
 public:
  using Clock = std::chrono::steady_clock;
  using OpenStore = std::function<absl::StatusOr<std::unique_ptr<KeyValueStore>>(const CallLimit& limit)>;

  /// `holder` is shown to those who look at a session.
  SessionLease(OpenStore open, std::string holder, LogSink log);
  ~SessionLease();
  SessionLease(const SessionLease&) = delete;
  SessionLease& operator=(const SessionLease&) = delete;

  /// Whether a quorum has proven that the session of this number lives at `now`. Takes nanoseconds.
  bool Holds(std::uint64_t session, Clock::time_point now) const {
    const Clock::rep until = until_.load(std::memory_order_acquire);
    return now.time_since_epoch().count() < until && session_.load(std::memory_order_acquire) == session;
  }
  /// The number of the session; another when that one was lost.
  std::uint64_t session() const { return session_.load(std::memory_order_acquire); }

  /// How far `TryClaim` goes.
  enum class Reach {
    kLook,   ///< nothing is written
    kClaim,  ///< a session that has not been renewed for `session_time::kRevocation` is ended
    kEvict   ///< the same after `kEviction`, and only that of the one that listens
  };
  struct Try {
    std::string consumer{};  ///< a key of a bucket
    std::string inboxes{};   ///< the prefix of the inboxes that the consumer is bound to under this claim
    std::string listener{};  ///< the inbox that somebody listens on; for `kEvict`
    bool evicting = false;   ///< that one's session was ended by us before
    Reach reach = Reach::kLook;
  };
  /// One step towards a claim; nothing while another process may hold it. `kUnavailable` while no
  /// quorum answers, `kPermissionDenied` when the bucket may not be had.
  absl::StatusOr<std::optional<ClaimWin>> TryClaim(const Try& wanted, ClaimContest& contest, const CallLimit& limit);
  /// Tells what this process has settled of a consumer that it has claimed: an encoded `SettledReport`. Is in the
  /// bucket with the next renewal but one at the latest.
  void Report(const std::string& consumer, std::string report);
  /// The most bytes that such a report may have: all of them are one message, of `max_payload` bytes at most.
  std::size_t RoomToReport(const std::string& consumer, std::size_t max_payload) const;
  /// Gives a claim up for good, as soon as a quorum answers, whatever became of it: no call for these inboxes follows.
  /// Does not wait.
  void Abandon(const std::string& consumer, const std::string& inboxes);
  /// Gives the claim up, if it is still the one that was won.
  absl::Status Release(const std::string& consumer, const ClaimWin& win, const CallLimit& limit);

 private:
  struct Own {
    std::uint64_t number = 0;
    std::string id{};
  };
  struct ClaimEntry {
    ClaimContest::Sight sight{};
    ClaimValue claim{};
    std::string session_value{};         // of the session that holds it, or held it until it was ended
    std::vector<std::string> reports{};  // newest first
  };
  struct Abandoned {
    std::string consumer{};
    std::string inboxes{};
    std::string report{};
    int seen_over = 0;  // how often it was another's, or nobody's, when it was read
  };

  absl::StatusOr<Own> AwaitLive(const CallLimit& limit);
  absl::StatusOr<std::shared_ptr<KeyValueStore>> Store() const;
  absl::StatusOr<ClaimEntry> Read(KeyValueStore& store, const std::string& consumer, const CallLimit& limit) const;
  absl::Status ReadSession(KeyValueStore& store, const std::string& consumer, ClaimEntry& entry,
                           const CallLimit& limit) const;
  absl::Status End(KeyValueStore& store, const ClaimEntry& entry, std::optional<std::uint64_t> expected,
                   const CallLimit& limit) const;
  absl::StatusOr<std::optional<ClaimWin>> Write(KeyValueStore& store, const Try& wanted, const Own& own,
                                                const ClaimEntry& entry, std::uint64_t expected,
                                                const CallLimit& limit);
  std::string TakeReport(const std::string& consumer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void Begin();
  void Run(const std::stop_token& stop);
  absl::Status Open(const std::stop_token& stop);
  absl::Status KeepAlive(const std::stop_token& stop);
  void GiveBack(KeyValueStore& store, const std::stop_token& stop);
  void RemoveSession();
  void RemoveCopy(KeyValueStore& store, const std::stop_token& stop);
  absl::Status Renew(KeyValueStore& store, const std::string& key, const std::stop_token& stop);
  absl::Status Resolve(KeyValueStore& store, const std::string& key, const std::stop_token& stop);
  void Lose();
  bool Pause(Clock::time_point until, const std::stop_token& stop);

  const OpenStore open_;
  const std::string holder_;
  const LogSink log_;

  // A reader that sees the end of a new session sees its number too.
  std::atomic<std::uint64_t> session_{1};
  std::atomic<Clock::rep> until_{0};

  mutable Mutex mutex_;
  CondVar changed_;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<KeyValueStore> store_ ABSL_GUARDED_BY(mutex_);
  std::vector<Abandoned> abandoned_ ABSL_GUARDED_BY(mutex_){};
  std::set<std::string> claimed_ ABSL_GUARDED_BY(mutex_){};             // consumers whose claim is ours, or may be
  std::map<std::string, std::string> reports_ ABSL_GUARDED_BY(mutex_);  // by consumer
  std::vector<std::string> copies_ ABSL_GUARDED_BY(mutex_){};           // keys of ended sessions' that are of no use
  absl::Status trouble_ ABSL_GUARDED_BY(mutex_);                        // why there is no proof
  std::string id_ ABSL_GUARDED_BY(mutex_){};

  // Of the thread.
  SessionRenewal renewal_{};
  std::chrono::milliseconds renewal_budget_;
  std::jthread thread_{};
};

}  // namespace penstock::eventbus::jetstream
