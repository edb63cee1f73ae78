// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/transport_contract.h"
#include "contract/watch_recorder.h"
#include "support/eventually.h"

// Key-value buckets: what a call of one does, over every transport.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::Eventually;
using penstock::testing::IsOk;
using penstock::testing::IsOkAndHolds;
using penstock::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

class KeyValueContractTest : public TransportContract {
 protected:
  static CallLimit Soon() { return CallLimit::In(seconds(10)); }
  std::unique_ptr<KeyValueStore> Open(BucketOptions options = {}, const std::string& name = "leases") {
    auto store = transport().OpenBucket({name, options}, Soon());
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
};

PENSTOCK_TRANSPORT_CONTRACT(KeyValueContractTest);

TEST_P(KeyValueContractTest, ABucketThatManyOpenAtOnceIsMadeForAllOfThem) {
  constexpr int kOpeners = 4, kBuckets = 100;
  std::vector<std::unique_ptr<Transport>> transports;
  for (int i = 0; i < kOpeners; ++i) transports.push_back(Connect());
  std::barrier at_once(kOpeners);
  std::vector<std::jthread> openers;
  for (const auto& transport : transports) {
    openers.emplace_back([&transport, &at_once] {
      for (int i = 0; i < kBuckets; ++i) {
        at_once.arrive_and_wait();
        EXPECT_THAT(transport->OpenBucket({absl::StrCat("bucket", i), {}}, Soon()), IsOk());
      }
    });
  }
}

TEST_P(KeyValueContractTest, GetReturnsTheLastValueThatWasPut) {
  const auto store = Open();
  const std::string value("a\0\xff\r\n", 5);
  const auto before = std::chrono::system_clock::now();
  EXPECT_THAT(store->Put("a/b=c.d", "old", Soon()), IsOkAndHolds(1U));
  EXPECT_THAT(store->Put("a/b=c.d", value, Soon()), IsOkAndHolds(2U));
  const auto entry = store->Get("a/b=c.d", Soon());
  ASSERT_THAT(entry, IsOk());
  EXPECT_EQ(entry->key, "a/b=c.d");
  EXPECT_EQ(entry->value, value);
  EXPECT_EQ(entry->revision, 2U);
  EXPECT_EQ(entry->operation, BucketOperation::kPut);
  EXPECT_LT(std::chrono::abs(entry->created - before), seconds(10));
}

TEST_P(KeyValueContractTest, AnEmptyValueIsAValue) {
  const auto store = Open();
  ASSERT_THAT(store->Put("empty", "", Soon()), IsOk());
  const auto entry = store->Get("empty", Soon());
  ASSERT_THAT(entry, IsOk());
  EXPECT_EQ(entry->value, "");
}

TEST_P(KeyValueContractTest, AKeyThatWasNeverWrittenIsNotFound) {
  const auto store = Open();
  ASSERT_THAT(store->Put("a.b", "x", Soon()), IsOk());
  EXPECT_THAT(store->Get("a", Soon()), StatusIs(Code::kNotFound, AllOf(HasSubstr("\"a\""), HasSubstr("leases"))));
}

TEST_P(KeyValueContractTest, AnyReplicaAnswersToo) {
  const auto store = Open({.reads = BucketReads::kAnyReplica});
  EXPECT_THAT(store->Get("a", Soon()), StatusIs(Code::kNotFound));
  ASSERT_THAT(store->Put("a", "x", Soon()), IsOk());
  const auto entry = store->Get("a", Soon());
  ASSERT_THAT(entry, IsOk());
  EXPECT_EQ(entry->key, "a");
  EXPECT_EQ(entry->value, "x");
  EXPECT_EQ(entry->revision, 1U);
  EXPECT_GT(entry->created, std::chrono::system_clock::now() - seconds(60));
  ASSERT_THAT(store->Delete("a", Soon()), IsOk());
  EXPECT_THAT(store->Get("a", Soon()), StatusIs(Code::kNotFound, HasSubstr("deleted in revision 2")));
}

TEST_P(KeyValueContractTest, CreateRefusesAKeyThatHasAValue) {
  const auto store = Open();
  EXPECT_THAT(store->Create("k", "first", Soon()), IsOkAndHolds(1U));
  EXPECT_THAT(store->Create("k", "second", Soon()), StatusIs(Code::kAlreadyExists, HasSubstr("revision 1")));
  EXPECT_EQ(store->Get("k", Soon())->value, "first");
}

TEST_P(KeyValueContractTest, CreateSucceedsOverADeletionAndOverAPurge) {
  const auto store = Open();
  ASSERT_THAT(store->Create("k", "1", Soon()), IsOk());
  ASSERT_THAT(store->Delete("k", Soon()), IsOkAndHolds(2U));
  EXPECT_THAT(store->Create("k", "2", Soon()), IsOkAndHolds(3U));
  ASSERT_THAT(store->Delete("k", BucketOperation::kPurge, std::nullopt, Soon()), IsOkAndHolds(4U));
  EXPECT_THAT(store->Create("k", "3", Soon()), IsOkAndHolds(5U));
  EXPECT_EQ(store->Get("k", Soon())->value, "3");
}

TEST_P(KeyValueContractTest, UpdateRefusesAnyRevisionButTheLast) {
  const auto store = Open();
  EXPECT_THAT(store->Update("k", "1", 0, Soon()), IsOkAndHolds(1U));
  EXPECT_THAT(store->Update("k", "2", 1, Soon()), IsOkAndHolds(2U));
  ASSERT_THAT(store->Put("other", "x", Soon()), IsOk());
  for (const std::uint64_t stale :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{3}, std::numeric_limits<std::uint64_t>::max()}) {
    EXPECT_THAT(store->Update("k", "3", stale, Soon()), StatusIs(Code::kAborted, HasSubstr("\"k\""))) << stale;
  }
  EXPECT_EQ(store->Get("k", Soon())->value, "2");
  EXPECT_THAT(store->Update("k", "3", 2, Soon()), IsOkAndHolds(4U));
}

TEST_P(KeyValueContractTest, DeleteMayExpectARevision) {
  const auto store = Open();
  ASSERT_THAT(store->Put("k", "1", Soon()), IsOk());
  ASSERT_THAT(store->Put("k", "2", Soon()), IsOk());
  EXPECT_THAT(store->Delete("k", BucketOperation::kDelete, 1, Soon()), StatusIs(Code::kAborted));
  EXPECT_THAT(store->Delete("k", BucketOperation::kPurge, 1, Soon()), StatusIs(Code::kAborted));
  EXPECT_EQ(store->Get("k", Soon())->value, "2");
  EXPECT_THAT(store->Delete("k", BucketOperation::kDelete, 2, Soon()), IsOkAndHolds(3U));
  EXPECT_THAT(store->Get("k", Soon()), StatusIs(Code::kNotFound, HasSubstr("revision 3")));
  EXPECT_THAT(store->Update("k", "3", 2, Soon()), StatusIs(Code::kAborted)) << "the deletion is the last revision";
  EXPECT_THAT(store->Update("k", "3", 3, Soon()), IsOkAndHolds(4U));
}

TEST_P(KeyValueContractTest, DeletingAKeyThatIsNotThereIsOk) {
  const auto store = Open();
  EXPECT_THAT(store->Delete("k", Soon()), IsOk());
  EXPECT_THAT(store->Delete("k", Soon()), IsOk());
}

TEST_P(KeyValueContractTest, OfEachKeyAsManyEntriesAreKeptAsTheHistorySays) {
  const auto store = Open({.history = 3});
  for (int i = 1; i <= 5; ++i) ASSERT_THAT(store->Put("k", absl::StrCat(i), Soon()), IsOk());
  EXPECT_THAT(transport().ReadMessage("KV_leases", "$KV.leases.k", 2), IsOk());
  EXPECT_EQ((*transport().ReadMessage("KV_leases", "$KV.leases.k", 1))->stream_sequence(), 3U);
  ASSERT_THAT(store->Delete("k", BucketOperation::kPurge, std::nullopt, Soon()), IsOkAndHolds(6U));
  EXPECT_EQ((*transport().ReadMessage("KV_leases", "$KV.leases.k", 1))->stream_sequence(), 6U);
}

TEST_P(KeyValueContractTest, AnEntryEndsWithTheTimeToLiveOfItsBucket) {
  const auto store = Open({.time_to_live = milliseconds(300)});
  ASSERT_THAT(store->Put("k", "x", Soon()), IsOk());
  EXPECT_THAT(store->Get("k", Soon()), IsOk());
  EXPECT_TRUE(Eventually([&] { return absl::IsNotFound(store->Get("k", Soon()).status()); }, seconds(10)));
  EXPECT_THAT(store->Create("k", "y", Soon()), IsOk()) << "an expired key has no value";
}

TEST_P(KeyValueContractTest, OfEightThatUpdateOneKeyOneWinsEachRevision) {
  const auto store = Open();
  ASSERT_THAT(store->Put("k", "0", Soon()), IsOkAndHolds(1U));
  constexpr int kThreads = 8;
  constexpr std::uint64_t kRounds = 25;
  std::vector<std::vector<std::uint64_t>> won(kThreads);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (std::uint64_t revision = 1; revision <= kRounds;) {
          const auto stored = store->Update("k", absl::StrCat(i), revision, Soon());
          if (stored.ok()) won[static_cast<std::size_t>(i)].push_back(*stored);
          EXPECT_TRUE(stored.ok() || absl::IsAborted(stored.status())) << stored.status();
          ++revision;
        }
      });
    }
  }
  std::vector<std::uint64_t> revisions;
  for (const auto& each : won) revisions.insert(revisions.end(), each.begin(), each.end());
  std::ranges::sort(revisions);
  for (std::size_t i = 1; i < revisions.size(); ++i) EXPECT_LT(revisions[i - 1], revisions[i]) << "two winners";
  const auto last = store->Get("k", Soon());
  ASSERT_THAT(last, IsOk());
  ASSERT_FALSE(revisions.empty());
  EXPECT_EQ(revisions.back(), last->revision);
  EXPECT_EQ(revisions.size(), last->revision - 1) << "every revision has its winner";
}

TEST_P(KeyValueContractTest, OfEightThatCreateOneKeyOverADeletionOneSucceeds) {
  const auto store = Open();
  for (int round = 0; round < 10; ++round) {
    ASSERT_THAT(store->Delete("k", Soon()), IsOk());
    std::atomic<int> created = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
          const auto result = store->Create("k", "x", Soon());
          if (result.ok()) created.fetch_add(1);
          EXPECT_TRUE(result.ok() || absl::IsAlreadyExists(result.status())) << result.status();
        });
      }
    }
    EXPECT_EQ(created.load(), 1);
  }
}

TEST_P(KeyValueContractTest, TwoConnectionsShareABucket) {
  const auto store = Open();
  const auto other = Connect();
  auto theirs = other->OpenBucket({"leases", {}}, Soon());
  ASSERT_THAT(theirs, IsOk());
  ASSERT_THAT(store->Put("k", "1", Soon()), IsOkAndHolds(1U));
  EXPECT_EQ((*theirs)->Get("k", Soon())->value, "1");
  EXPECT_THAT((*theirs)->Update("k", "2", 1, Soon()), IsOkAndHolds(2U));
  EXPECT_THAT(store->Update("k", "3", 1, Soon()), StatusIs(Code::kAborted));
  other->Close();
}

TEST_P(KeyValueContractTest, ABucketThatExistsIsOpenedIfItFits) {
  const BucketOptions made{
      .history = 5, .time_to_live = seconds(60), .max_value_bytes = 4096, .storage = BucketStorage::kMemory};
  ASSERT_NE(Open(made), nullptr);
  BucketOptions asked = made;
  asked.max_value_bytes = 0;
  const auto store = Open(asked);
  ASSERT_NE(store, nullptr) << "limits are left as they are";
  EXPECT_EQ(store->spec().options.max_value_bytes, 4096);
  EXPECT_EQ(store->spec().options.history, 5U);
  const auto refusal = [&](auto change) {
    BucketOptions other = made;
    change(other);
    return transport().OpenBucket({"leases", other}, Soon());
  };
  EXPECT_THAT(refusal([](auto& o) { o.history = 1; }),
              StatusIs(Code::kFailedPrecondition, HasSubstr("history 5, not 1")));
  EXPECT_THAT(refusal([](auto& o) { o.time_to_live = seconds(0); }),
              StatusIs(Code::kFailedPrecondition, HasSubstr("time_to_live 60000 ms, not 0 ms")));
  EXPECT_THAT(refusal([](auto& o) { o.storage = BucketStorage::kFile; }),
              StatusIs(Code::kFailedPrecondition, HasSubstr("storage memory, not file")));
  EXPECT_THAT(refusal([](auto& o) { o.replicas = 3; }),
              StatusIs(Code::kFailedPrecondition, HasSubstr("replicas 1, not 3")));
}

TEST_P(KeyValueContractTest, AStreamThatIsNoBucketIsRefused) {
  ASSERT_THAT(transport().EnsureStream({.name = "KV_events", .subjects = {"events"}}), IsOk());
  EXPECT_THAT(transport().OpenBucket({"events", {}}, Soon()),
              StatusIs(Code::kFailedPrecondition, HasSubstr("KV_events")));
}

TEST_P(KeyValueContractTest, AValueOverTheLimitIsRefused) {
  const auto store = Open({.max_value_bytes = 1024});
  EXPECT_THAT(store->Put("k", std::string(900, 'x'), Soon()), IsOk());
  EXPECT_THAT(store->Put("k", std::string(1025, 'x'), Soon()), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(store->Update("k", std::string(1025, 'x'), 1, Soon()), StatusIs(Code::kResourceExhausted));
  const auto large = Open({}, "large");
  EXPECT_THAT(large->Put("k", std::string(transport().max_payload_bytes() + 1, 'x'), Soon()),
              StatusIs(Code::kResourceExhausted));
  EXPECT_EQ(store->Get("k", Soon())->revision, 1U);
}

TEST_P(KeyValueContractTest, AFullBucketRefusesWrites) {
  const auto store = Open({.max_bytes = 4096});
  ASSERT_THAT(store->Put("a", std::string(3000, 'x'), Soon()), IsOk());
  EXPECT_THAT(store->Put("b", std::string(3000, 'x'), Soon()), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(store->Get("a", Soon()), IsOk());
}

TEST_P(KeyValueContractTest, ACallIsOverAtItsDeadlineAndWhenItIsStopped) {
  const auto store = Open();
  const CallLimit past{std::chrono::steady_clock::now() - seconds(1)};
  EXPECT_THAT(store->Get("k", past), StatusIs(Code::kDeadlineExceeded));
  EXPECT_THAT(store->Put("k", "x", past), StatusIs(Code::kDeadlineExceeded));
  EXPECT_THAT(store->Update("k", "x", 0, past), StatusIs(Code::kDeadlineExceeded));
  std::stop_source stop;
  stop.request_stop();
  const CallLimit stopped = CallLimit::In(seconds(10), stop.get_token());
  EXPECT_THAT(store->Get("k", stopped), StatusIs(Code::kCancelled));
  EXPECT_THAT(store->Create("k", "x", stopped), StatusIs(Code::kCancelled));
  EXPECT_THAT(store->Get("k", Soon()), StatusIs(Code::kNotFound)) << "nothing was sent";
}

TEST_P(KeyValueContractTest, InvalidKeysAreRefusedByEveryCall) {
  const auto store = Open();
  const std::vector<std::string> bad = {"",
                                        ".",
                                        ".a",
                                        "a.",
                                        "a..b",
                                        "a b",
                                        "a*",
                                        "*",
                                        ">",
                                        "a.>",
                                        "a\r\nPUB x 0\r\n",
                                        std::string("a\0b", 3),
                                        "a\tb",
                                        "schl\xc3\xbcssel",
                                        "a\xff",
                                        "$KV.x",
                                        std::string(1025, 'k')};
  for (const std::string& key : bad) {
    const auto refused = StatusIs(Code::kInvalidArgument, AllOf(HasSubstr("\"key\""), HasSubstr("[-/_=.a-zA-Z0-9]")));
    EXPECT_THAT(store->Get(key, Soon()), refused) << key;
    EXPECT_THAT(store->Put(key, "x", Soon()), refused) << key;
    EXPECT_THAT(store->Create(key, "x", Soon()), refused) << key;
    EXPECT_THAT(store->Update(key, "x", 0, Soon()), refused) << key;
    EXPECT_THAT(store->Delete(key, Soon()), refused) << key;
  }
  EXPECT_THAT(store->Put(std::string(1024, 'k'), "x", Soon()), IsOk());
}

TEST_P(KeyValueContractTest, InvalidNamesAndOptionsAreRefused) {
  for (const char* name : {"", "a.b", "a b", "a*", ">", "b\xc3\xbc", "a/b"}) {
    EXPECT_THAT(transport().OpenBucket({name, {}}, Soon()), StatusIs(Code::kInvalidArgument, HasSubstr("\"bucket\"")));
  }
  const auto refused = [&](const BucketOptions& options, const char* field) {
    EXPECT_THAT(transport().OpenBucket({"b", options}, Soon()), StatusIs(Code::kInvalidArgument, HasSubstr(field)));
  };
  refused({.history = 0}, "\"history\" is 0; use 1 to 64");
  refused({.history = 65}, "\"history\" is 65");
  refused({.time_to_live = milliseconds(99)}, "\"time_to_live\" is 99 ms");
  refused({.time_to_live = milliseconds(-1)}, "\"time_to_live\"");
  refused({.time_to_live = milliseconds::max()}, "\"time_to_live\"");
  refused({.key_time_to_live_marker = seconds(-1)}, "\"key_time_to_live_marker\"");
  refused({.key_time_to_live_marker = seconds::max()}, "\"key_time_to_live_marker\"");
  refused({.max_bytes = -1}, "\"max_bytes\"");
  refused({.max_bytes = 1023}, "\"max_bytes\"");
  refused({.max_value_bytes = 255}, "\"max_value_bytes\"");
  refused({.max_value_bytes = -1}, "\"max_value_bytes\"");
  refused({.replicas = 2}, "\"replicas\" is 2; use 1, 3 or 5");
  refused({.replicas = -1}, "\"replicas\"");
}

TEST_P(KeyValueContractTest, ATimeToLiveOfAKeyNeedsABucketThatHasIt) {
  const auto store = Open();
  EXPECT_THAT(store->Put("k", "x", Soon(), seconds(5)),
              StatusIs(Code::kFailedPrecondition, HasSubstr("key_time_to_live_marker")));
  EXPECT_THAT(store->Put("k", "x", Soon(), seconds(-5)), StatusIs(Code::kInvalidArgument, HasSubstr("time_to_live")));
  EXPECT_THAT(store->Put("k", "x", Soon(), seconds::max()), StatusIs(Code::kInvalidArgument));
}

TEST_P(KeyValueContractTest, AfterTheTransportIsClosedCallsFailAndNothingHangs) {
  const auto store = Open();
  WatchRecorder recorder;
  auto watch = store->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(watch, IsOk());
  transport().Close();
  EXPECT_THAT(store->Get("k", Soon()), StatusIs(Code::kFailedPrecondition, HasSubstr("closed")));
  EXPECT_THAT(store->Put("k", "x", Soon()), StatusIs(Code::kFailedPrecondition, HasSubstr("closed")));
  EXPECT_THAT(store->Update("k", "x", 0, Soon()), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(store->Watch(">", recorder.Events(), Soon()), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(transport().OpenBucket({"other", {}}, Soon()), StatusIs(Code::kFailedPrecondition));
  (*watch)->Stop();
}

}  // namespace
}  // namespace penstock::eventbus::contract
