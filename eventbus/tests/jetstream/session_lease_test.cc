// SPDX-License-Identifier: Apache-2.0
#include "jetstream/lease/session_lease.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "jetstream/ownership/session_renewal.h"
#include "jetstream/protocol/server_version.h"
#include "jetstream/protocol/unique_name.h"
#include "transport/connect.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = SessionLease::Clock;

/// A bucket whose writes fail as they do when a server is cut off from the others.
class CutStore final : public KeyValueStore {
 public:
  enum class Fault {
    kNone,
    kNothingPasses,
    kAnswersAreLost,  ///< writes happen
    kClaimsAreLost,   ///< so are writes to them
  };

  CutStore(std::unique_ptr<KeyValueStore> store, const std::atomic<Fault>& fault)
      : store_(std::move(store)), fault_(fault) {}

  absl::StatusOr<BucketEntry> Get(std::string_view key, const CallLimit& limit) override {
    if (fault_ == Fault::kNothingPasses) return Lost();
    return store_->Get(key, limit);
  }
  absl::StatusOr<std::uint64_t> Put(std::string_view key, std::string_view value, const CallLimit& limit,
                                    Seconds ttl) override {
    return Write([&] { return store_->Put(key, value, limit, ttl); });
  }
  absl::StatusOr<std::uint64_t> Create(std::string_view key, std::string_view value, const CallLimit& limit,
                                       Seconds ttl) override {
    if (fault_ == Fault::kClaimsAreLost && key.starts_with("claim.")) return Lost();
    return Write([&] { return store_->Create(key, value, limit, ttl); });
  }
  absl::StatusOr<std::uint64_t> Update(std::string_view key, std::string_view value, std::uint64_t expected,
                                       const CallLimit& limit, Seconds ttl) override {
    if (fault_ == Fault::kClaimsAreLost && key.starts_with("claim.")) return Lost();
    return Write([&] { return store_->Update(key, value, expected, limit, ttl); });
  }
  absl::StatusOr<std::uint64_t> Delete(std::string_view key, BucketOperation operation,
                                       std::optional<std::uint64_t> expected, const CallLimit& limit) override {
    return Write([&] { return store_->Delete(key, operation, expected, limit); });
  }
  absl::StatusOr<std::unique_ptr<KeyValueWatch>> Watch(std::string_view pattern, BucketWatchEvents events,
                                                       const CallLimit& limit) override {
    return store_->Watch(pattern, std::move(events), limit);
  }
  const BucketSpec& spec() const override { return store_->spec(); }

 private:
  static absl::Status Lost() { return absl::DeadlineExceededError("no answer"); }
  template <typename Call>
  absl::StatusOr<std::uint64_t> Write(const Call& call) {
    if (fault_ == Fault::kNothingPasses) return Lost();
    absl::StatusOr<std::uint64_t> written = call();
    if (fault_ == Fault::kAnswersAreLost) return Lost();
    return written;
  }

  const std::unique_ptr<KeyValueStore> store_;
  const std::atomic<Fault>& fault_;
};

using Fault = CutStore::Fault;

/// A process with its own way to the bucket that all share.
class Process {
 public:
  explicit Process(const std::string& bus) {
    auto transport = ConnectMemory({.url = bus, .client_id = "lease"});
    EXPECT_TRUE(transport.ok()) << transport.status();
    transport_ = *std::move(transport);
    lease_ = std::make_unique<SessionLease>([this](const CallLimit& limit) { return Open(limit); }, "lease", LogSink());
  }

  using Reach = SessionLease::Reach;
  absl::StatusOr<std::optional<ClaimWin>> Look(Reach reach = Reach::kClaim, const std::string& listener = {},
                                               bool evicting = false) {
    return lease_->TryClaim({consumer_, inboxes_, listener, evicting, reach}, contests_[consumer_],
                            CallLimit::In(seconds(5)));
  }
  /// All that follows is about this consumer.
  void Turn(const std::string& consumer) { consumer_ = consumer; }
  void Report(const std::string& report) { lease_->Report(consumer_, report); }
  std::size_t RoomToReport(std::size_t max_payload) const { return lease_->RoomToReport(consumer_, max_payload); }
  /// Whether there is `text` in a value of the bucket before long, under keys that fit `keys`.
  bool BucketHas(const std::string& keys, const std::string& text) {
    return BucketShows(keys, [&](const BucketEntry& entry) { return entry.value.find(text) != entry.value.npos; });
  }
  /// Whether a key that fits `keys` is purged before long.
  bool BucketForgets(const std::string& keys) {
    return BucketShows(keys, [](const BucketEntry& entry) { return entry.operation == BucketOperation::kPurge; });
  }
  bool BucketShows(const std::string& keys, const std::function<bool(const BucketEntry& entry)>& wanted) {
    std::atomic<bool> has = false;
    auto store = transport_->OpenBucket({.name = "leases"}, CallLimit::In(seconds(5)));
    EXPECT_TRUE(store.ok()) << store.status();
    auto watch = (*store)->Watch(keys,
                                 {.on_entry =
                                      [&](const BucketEntry& entry) {
                                        if (wanted(entry)) has = true;
                                      }},
                                 CallLimit::In(seconds(5)));
    EXPECT_TRUE(watch.ok()) << watch.status();
    const Clock::time_point deadline = Clock::now() + seconds(10);
    while (!has && Clock::now() < deadline) std::this_thread::yield();
    return has;
  }
  /// As for `Win`.
  std::optional<ClaimWin> Evict(const std::string& listener, milliseconds limit) {
    const Clock::time_point deadline = Clock::now() + limit;
    do {
      const auto won = Look(Reach::kEvict, listener);
      if (won.ok() && *won) return **won;
      std::this_thread::yield();
    } while (Clock::now() < deadline);
    return std::nullopt;
  }
  void Abandon() { lease_->Abandon(consumer_, inboxes_); }
  std::string inbox() const { return inboxes_ + "1"; }
  /// The claim, won within `limit`; nothing when it was not.
  std::optional<ClaimWin> Win(milliseconds limit) {
    const Clock::time_point deadline = Clock::now() + limit;
    do {
      const auto won = Look();
      if (won.ok() && *won) return **won;
      std::this_thread::yield();
    } while (Clock::now() < deadline);
    return std::nullopt;
  }
  bool Holds(const ClaimWin& win) const { return lease_->Holds(win.session, Clock::now()); }
  bool Becomes(const ClaimWin& win, bool held, milliseconds limit) const {
    const Clock::time_point deadline = Clock::now() + limit;
    while (Holds(win) != held && Clock::now() < deadline) std::this_thread::yield();
    return Holds(win) == held;
  }
  absl::Status Release(const ClaimWin& win) { return lease_->Release(consumer_, win, CallLimit::In(seconds(5))); }
  void Set(Fault fault) { fault_ = fault; }
  void Die() { lease_.reset(); }

 private:
  absl::StatusOr<std::unique_ptr<KeyValueStore>> Open(const CallLimit& limit) {
    auto store = transport_->OpenBucket({.name = "leases"}, limit);
    if (!store.ok()) return store.status();
    return std::make_unique<CutStore>(*std::move(store), fault_);
  }

  const std::string inboxes_ = UniqueInbox("_INBOX") + ".";
  std::atomic<Fault> fault_{Fault::kNone};
  std::unique_ptr<Transport> transport_;
  std::string consumer_ = "orders.billing";
  std::map<std::string, ClaimContest> contests_{};
  std::unique_ptr<SessionLease> lease_;
};

class SessionLeaseTest : public ::testing::Test {
 protected:
  const std::string bus_ = "memory://" + UniqueName();
  Process first_{bus_}, second_{bus_};
};

constexpr milliseconds kPatience(10'000);

TEST_F(SessionLeaseTest, AClaimIsHeldForAsLongAsItsSessionIsRenewed) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  EXPECT_GT(won->revision, 0U);
  // A machine that stops the renewals for so long ends the session, and rightly.
  const auto stolen = second_.Win(3 * session_time::kRevocation);
  const bool held = first_.Holds(*won);
  EXPECT_NE(stolen.has_value(), held);
  const auto again = first_.Look();
  ASSERT_TRUE(again.ok()) << again.status();
  ASSERT_EQ(again->has_value(), held);
  if (!held) return;
  EXPECT_EQ((*again)->session, won->session);
  EXPECT_EQ((*again)->revision, won->revision);
}

TEST_F(SessionLeaseTest, AReleasedClaimIsWonAtOnceWithALaterRevision) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  ASSERT_FALSE(second_.Win(milliseconds(1)));
  ASSERT_TRUE(first_.Release(*won).ok());
  const auto next = second_.Look();
  ASSERT_TRUE(next.ok() && *next) << next.status();
  EXPECT_GT((*next)->revision, won->revision);
  EXPECT_TRUE(absl::IsAborted(first_.Release(*won))) << "it is not the first one's any more";
}

TEST_F(SessionLeaseTest, AnAbandonedClaimIsGivenBackWhenAQuorumAnswersAgain) {
  ASSERT_TRUE(first_.Win(kPatience));
  first_.Set(Fault::kAnswersAreLost);
  first_.Abandon();
  first_.Set(Fault::kNone);
  EXPECT_TRUE(second_.Win(kPatience)) << "the process lives, and its session too";
  EXPECT_TRUE(second_.Look()->has_value());
  first_.Abandon();
  EXPECT_FALSE(first_.Win(2 * session_time::kRenewal)) << "the claim of another is not given back";
}

TEST_F(SessionLeaseTest, AnEvictionThatWasBegunGoesOn) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  first_.Set(Fault::kNothingPasses);
  ASSERT_TRUE(second_.Evict(first_.inbox(), kPatience));
  const auto again = second_.Look(SessionLease::Reach::kEvict, first_.inbox(), /*evicting=*/true);
  EXPECT_TRUE(again.ok() && again->has_value()) << "the consumer is bound to the other's inbox still";
}

TEST_F(SessionLeaseTest, TheClaimOfADeadProcessIsWon) {
  ASSERT_TRUE(first_.Win(kPatience));
  first_.Die();
  EXPECT_TRUE(second_.Win(kPatience));
}

TEST_F(SessionLeaseTest, TheSuccessorOfADeadProcessReadsWhatThatHasReportedOfEachConsumer) {
  for (const char* const consumer : {"orders.billing", "orders.audit"}) {
    first_.Turn(consumer);
    ASSERT_TRUE(first_.Win(kPatience));
    first_.Report(std::string("of ") + consumer);
  }
  ASSERT_TRUE(second_.BucketHas("session.*", "orders.billing of orders.billing"));
  ASSERT_TRUE(second_.BucketHas("session.*", "orders.audit of orders.audit"));
  first_.Die();
  for (const char* const consumer : {"orders.audit", "orders.billing"}) {
    second_.Turn(consumer);
    const auto won = second_.Win(kPatience);
    ASSERT_TRUE(won) << consumer;
    EXPECT_EQ(won->reports, std::vector<std::string>{std::string("of ") + consumer});
  }
}

TEST_F(SessionLeaseTest, WhatWasReportedIsThereWhenWhoeverEndedTheSessionWonNothing) {
  ASSERT_TRUE(first_.Win(kPatience));
  first_.Report("what the first has settled");
  ASSERT_TRUE(second_.BucketHas("session.*", "what the first has settled"));
  first_.Die();
  second_.Set(Fault::kClaimsAreLost);
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (second_.Look().ok() && Clock::now() < deadline) std::this_thread::yield();  // until it has tried to write
  Process third(bus_);
  const auto won = third.Win(kPatience);
  ASSERT_TRUE(won);
  EXPECT_EQ(won->reports, std::vector<std::string>{"what the first has settled"});
}

TEST_F(SessionLeaseTest, TheCopyOfAnEndedSessionIsRemovedOnceItsOnlyClaimIsWon) {
  ASSERT_TRUE(first_.Win(kPatience));
  first_.Report("what the first has settled");
  ASSERT_TRUE(second_.BucketHas("session.*", "what the first has settled"));
  first_.Die();
  ASSERT_TRUE(second_.Win(kPatience));
  EXPECT_TRUE(second_.BucketForgets("ended.*"));
}

TEST_F(SessionLeaseTest, WhatWasReportedStaysWithAClaimThatIsGivenUp) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  first_.Report("what the first has settled");
  ASSERT_TRUE(first_.Release(*won).ok());
  const auto next = second_.Win(kPatience);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->reports, std::vector<std::string>{"what the first has settled"});
  second_.Abandon();
  const auto again = first_.Win(kPatience);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->reports, std::vector<std::string>{"what the first has settled"})
      << "the second has told nothing new";
}

TEST_F(SessionLeaseTest, AProcessThatHasGivenItsClaimsUpLeavesNoSession) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  first_.Report("what the first has settled");
  ASSERT_TRUE(first_.Release(*won).ok());
  first_.Abandon();
  first_.Die();
  EXPECT_TRUE(second_.BucketForgets("session.*"));
  const auto next = second_.Win(kPatience);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->reports, std::vector<std::string>{"what the first has settled"}) << "the claim has it";
}

TEST_F(SessionLeaseTest, ReportsShareTheRoomOfOneMessage) {
  EXPECT_EQ(first_.RoomToReport(1 << 10), 512u);
  const std::size_t most = first_.RoomToReport(64 << 20);
  EXPECT_LT(most, 1u << 20) << "it is written five times a second";
  first_.Report("of the first");
  EXPECT_EQ(first_.RoomToReport(1 << 10), 512u);
  first_.Turn("orders.audit");
  EXPECT_EQ(first_.RoomToReport(1 << 10), 256u);
  EXPECT_EQ(first_.RoomToReport(64 << 20), most / 2);
}

TEST_F(SessionLeaseTest, OnlyAListenerWhoseClaimIsOverIsEvicted) {
  EXPECT_FALSE(second_.Evict("_INBOX.of an older version.1", milliseconds(1))) << "nobody has a claim";
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  first_.Set(Fault::kNothingPasses);
  EXPECT_FALSE(second_.Evict("_INBOX.of an older version.1", session_time::kEviction + milliseconds(500)));
  EXPECT_TRUE(second_.Evict(first_.inbox(), kPatience));
  EXPECT_FALSE(first_.Holds(*won));
}

TEST_F(SessionLeaseTest, OneThatIsCutOffHoldsNothingBeforeAnotherWins) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  ASSERT_FALSE(second_.Win(milliseconds(1)));
  first_.Set(Fault::kNothingPasses);
  const auto next = second_.Win(kPatience);
  ASSERT_TRUE(next);
  EXPECT_FALSE(first_.Holds(*won)) << "two at once";
  first_.Set(Fault::kNone);
  const auto lost = first_.Look();
  EXPECT_TRUE(lost.ok() && !*lost) << lost.status();
  EXPECT_FALSE(first_.Holds(*won)) << "its session is over";
}

TEST_F(SessionLeaseTest, RenewalsWithoutAnAnswerProveNothingAndTakeNothingAway) {
  const auto won = first_.Win(kPatience);
  ASSERT_TRUE(won);
  ASSERT_FALSE(second_.Win(milliseconds(1)));
  first_.Set(Fault::kAnswersAreLost);
  EXPECT_TRUE(first_.Becomes(*won, false, kPatience)) << "nothing is proven";
  first_.Set(Fault::kNone);
  EXPECT_TRUE(first_.Becomes(*won, true, kPatience)) << "the same session goes on";
  EXPECT_FALSE(second_.Win(milliseconds(1)));
}

TEST_F(SessionLeaseTest, WithoutAQuorumThereIsNoClaim) {
  first_.Set(Fault::kNothingPasses);
  EXPECT_FALSE(first_.Win(milliseconds(1)));
  first_.Set(Fault::kNone);
  EXPECT_TRUE(first_.Win(kPatience));
}

constexpr ClaimContest::Time kStart{std::chrono::hours(1)};

/// A standby that looks at the session of another every 100 ms.
class Watcher {
 public:
  using Step = ClaimContest::Step;

  Step Look(std::uint64_t session_revision) {
    now_ += milliseconds(100);
    return contest_
        .Saw({.session = "theirs", .claim_revision = 3, .session_revision = session_revision}, "ours", kStart + now_)
        .step;
  }
  /// How long from the first look until it is more than to wait.
  milliseconds Waits(std::uint64_t session_revision) {
    const milliseconds began = now_ + milliseconds(100);
    while (Look(session_revision) == Step::kWait) {
    }
    return now_ - began;
  }
  void SeeNothingFor(milliseconds time) { now_ += time; }

 private:
  ClaimContest contest_{};
  milliseconds now_{0};
};

TEST(ClaimContestTest, OnlyAnUnchangedSessionIsEnded) {
  using Step = ClaimContest::Step;
  ClaimContest contest;
  EXPECT_EQ(contest.Saw({}, "ours", kStart).step, Step::kClaim) << "nobody's";
  EXPECT_EQ(contest.Saw({.session = "ours", .claim_revision = 3}, "ours", kStart).step, Step::kHeld);
  Watcher watcher;
  EXPECT_EQ(watcher.Waits(0), milliseconds(700)) << "its session is over, or not seen yet";
  EXPECT_EQ(watcher.Look(0), Step::kClaim);
  EXPECT_EQ(watcher.Waits(7), milliseconds(700));
  EXPECT_EQ(watcher.Look(7), Step::kRevoke);
  EXPECT_EQ(watcher.Look(8), Step::kWait) << "it was renewed";
  static_assert(session_time::kRevocation > session_time::kProof, "an owner has stopped by then");
}

TEST(ClaimContestTest, WhereNobodyAnsweredAnOwnerIsGivenTheTimeToRenew) {
  using Step = ClaimContest::Step;
  Watcher watcher;
  EXPECT_EQ(watcher.Look(7), Step::kWait);
  watcher.SeeNothingFor(std::chrono::seconds(5));
  EXPECT_EQ(watcher.Waits(7), milliseconds(400)) << "an election, and nothing after it";
  EXPECT_EQ(watcher.Look(8), Step::kWait);
  watcher.SeeNothingFor(milliseconds(600));
  EXPECT_EQ(watcher.Waits(8), milliseconds(400)) << "700 ms after the first look, and 400 more";
  EXPECT_EQ(watcher.Look(9), Step::kWait);
  int looks = 0;
  while (watcher.Look(9) == Step::kWait && ++looks < 10) watcher.SeeNothingFor(milliseconds(600));
  EXPECT_EQ(looks, 4) << "given three times: a cluster may be slow all the time";
}

TEST(ClaimContestTest, EveryWriteExpectsWhatWasSeenAndCountsOnceItIsCommitted) {
  const ClaimContest::Sight theirs{.session = "theirs", .claim_revision = 3, .session_revision = 7};
  ClaimContest contest;
  EXPECT_EQ(contest.Saw({}, "ours", kStart).expected, 0u) << "nothing is there";
  contest.Saw(theirs, "ours", kStart);
  contest.Saw(theirs, "ours", kStart + session_time::kRevocation / 2);
  EXPECT_EQ(contest.Saw(theirs, "ours", kStart + session_time::kRevocation).expected, 7u)
      << "the session as it was seen";
  EXPECT_EQ(ClaimContest::AfterRevocation(theirs).expected, 3u) << "the claim as it was seen";
  EXPECT_TRUE(ClaimContest::Won(ClaimContest::Answer::kCommitted));
  EXPECT_FALSE(ClaimContest::Won(ClaimContest::Answer::kRefused));
  EXPECT_FALSE(ClaimContest::Won(ClaimContest::Answer::kNone));
}

TEST(SessionRenewalTest, IsGoodFromTheSendingAndReadsAfterAWriteWithoutAnAnswer) {
  using Step = SessionRenewal::Step;
  constexpr SessionRenewal::Time kSent{std::chrono::hours(1)};
  SessionRenewal renewal;
  EXPECT_EQ(renewal.Next(), Step::kCreate);
  EXPECT_EQ(renewal.Committed(5, kSent), kSent + session_time::kProof);
  EXPECT_EQ(renewal.Next(), Step::kUpdate);
  EXPECT_EQ(renewal.revision(), 5u);
  renewal.Failed();
  EXPECT_EQ(renewal.Next(), Step::kRead);
  EXPECT_EQ(renewal.Read(6), SessionRenewal::Found::kThere) << "the write had happened";
  EXPECT_EQ(renewal.revision(), 6u);
}

TEST(SessionRenewalTest, IsOverWhenItsKeyIsGoneAndBeginsAnew) {
  SessionRenewal renewal;
  renewal.Failed();
  EXPECT_EQ(renewal.Read(std::nullopt), SessionRenewal::Found::kNotYet);
  EXPECT_EQ(renewal.Next(), SessionRenewal::Step::kCreate);
  renewal.Committed(5, {});
  renewal.Failed();
  EXPECT_EQ(renewal.Read(std::nullopt), SessionRenewal::Found::kEnded);
  EXPECT_EQ(renewal.Next(), SessionRenewal::Step::kCreate);
}

TEST(ServerVersionTest, IsComparedByItsNumbers) {
  EXPECT_TRUE(IsAtLeast("2.9.21", {2, 9, 21}));
  EXPECT_TRUE(IsAtLeast("2.10.0", {2, 9, 21}));
  EXPECT_TRUE(IsAtLeast("2.12.0-RC.1", {2, 12, 0}));
  EXPECT_TRUE(IsAtLeast("3.0.0", {2, 9, 21}));
  EXPECT_FALSE(IsAtLeast("2.9.10", {2, 9, 21}));
  EXPECT_FALSE(IsAtLeast("1.99.99", {2, 0, 0}));
  for (const char* const text : {"", "2", "2.9", "two.nine.ten", "2.9.x", "-2.9.21"}) {
    EXPECT_FALSE(IsAtLeast(text, {2, 0, 0})) << text;
  }
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
