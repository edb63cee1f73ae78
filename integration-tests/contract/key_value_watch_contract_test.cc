// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/transport_contract.h"
#include "contract/watch_recorder.h"

// Watches of key-value buckets, over every transport.
namespace penstock::eventbus::contract {
namespace {

using penstock::testing::IsOk;
using penstock::testing::StatusIs;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = absl::StatusCode;

class KeyValueWatchContractTest : public TransportContract {
 protected:
  static CallLimit Soon() { return CallLimit::In(seconds(10)); }
  void SetUp() override {
    TransportContract::SetUp();
    auto store = transport().OpenBucket({"leases", {.history = 5}}, Soon());
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }
  void Put(const std::string& key, const std::string& value) { ASSERT_THAT(store_->Put(key, value, Soon()), IsOk()); }
  std::unique_ptr<KeyValueWatch> Watch(const std::string& pattern, BucketWatchEvents events) {
    auto watch = store_->Watch(pattern, std::move(events), Soon());
    EXPECT_THAT(watch, IsOk());
    return watch.ok() ? *std::move(watch) : nullptr;
  }

  std::unique_ptr<KeyValueStore> store_;
};

PENSTOCK_TRANSPORT_CONTRACT(KeyValueWatchContractTest);

TEST_P(KeyValueWatchContractTest, ReportsTheLastValuesThenThatItIsUpToDateThenChanges) {
  Put("a", "1");
  Put("b", "1");
  Put("a", "2");
  ASSERT_THAT(store_->Delete("b", Soon()), IsOk());
  WatchRecorder recorder;
  const auto watch = Watch(">", recorder.Events());
  ASSERT_TRUE(recorder.ReachUpToDate());
  EXPECT_THAT(recorder.Log(), ElementsAre("a=2", "-b", "up to date"));
  Put("c", "1");
  ASSERT_TRUE(recorder.Reach("c=1")) << "the bucket keeps one value";
  ASSERT_THAT(store_->Delete("a", BucketOperation::kPurge, std::nullopt, Soon()), IsOk());
  Put("c", "2");
  ASSERT_TRUE(recorder.Reach("c=2"));
  EXPECT_THAT(recorder.Log(), ElementsAre("a=2", "-b", "up to date", "c=1", "--a", "c=2"));
  const auto entries = recorder.Entries();
  EXPECT_EQ(entries[0].revision, 3U);
  EXPECT_EQ(entries[0].operation, BucketOperation::kPut);
  EXPECT_EQ(entries[1].operation, BucketOperation::kDelete);
  EXPECT_EQ(entries.back().revision, 7U);
}

TEST_P(KeyValueWatchContractTest, OfChangesLeavesOutWhatWasThere) {
  Put("a", "1");
  Put("b", "1");
  WatchRecorder recorder;
  BucketWatchEvents events = recorder.Events();
  events.begins = BucketWatchBeginning::kChanges;
  const auto watch = Watch(">", std::move(events));
  ASSERT_TRUE(recorder.ReachUpToDate());
  Put("a", "2");
  ASSERT_TRUE(recorder.Reach("a=2"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "a=2"));
}

TEST_P(KeyValueWatchContractTest, OfAnEmptyBucketIsUpToDateAtOnce) {
  WatchRecorder recorder;
  const auto watch = Watch(">", recorder.Events());
  ASSERT_TRUE(recorder.ReachUpToDate());
  Put("a", "1");
  ASSERT_TRUE(recorder.Reach("a=1"));
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "a=1"));
}

TEST_P(KeyValueWatchContractTest, ReportsOnlyTheKeysOfItsPattern) {
  for (const char* key : {"a", "a.b", "a.c", "a.b.c", "b.b"}) Put(key, "1");
  WatchRecorder key, token, rest;
  const auto of_key = Watch("a.b", key.Events());
  const auto of_token = Watch("*.b", token.Events());
  const auto of_rest = Watch("a.>", rest.Events());
  ASSERT_TRUE(key.ReachUpToDate());
  ASSERT_TRUE(token.ReachUpToDate());
  ASSERT_TRUE(rest.ReachUpToDate());
  EXPECT_THAT(key.Log(), ElementsAre("a.b=1", "up to date"));
  EXPECT_THAT(token.Log(), ElementsAre("a.b=1", "b.b=1", "up to date"));
  EXPECT_THAT(rest.Log(), ElementsAre("a.b=1", "a.c=1", "a.b.c=1", "up to date"));
}

TEST_P(KeyValueWatchContractTest, ReportsEveryKeyOfALargeBucketWhileItIsWritten) {
  constexpr int kKeys = 300;
  for (int i = 0; i < kKeys; ++i) Put(absl::StrCat("k", i), "0");
  std::jthread writer([this] {
    for (int i = 0; i < kKeys; ++i) EXPECT_THAT(store_->Put(absl::StrCat("k", i), "1", Soon()), IsOk());
    EXPECT_THAT(store_->Put("end", "1", Soon()), IsOk());
  });
  WatchRecorder recorder;
  const auto watch = Watch(">", recorder.Events());
  ASSERT_TRUE(recorder.ReachUpToDate());
  ASSERT_TRUE(recorder.Reach("end=1"));
  std::set<std::string> last;
  std::uint64_t revision = 0;
  for (const BucketEntry& entry : recorder.Entries()) {
    EXPECT_GT(entry.revision, revision) << "in order, each once";
    revision = entry.revision;
    if (entry.value == "1") last.insert(entry.key);
  }
  EXPECT_EQ(last.size(), kKeys + 1U) << "the last value of every key";
}

TEST_P(KeyValueWatchContractTest, ItsCallbackMayUseTheBucketAndStopTheWatch) {
  WatchRecorder recorder;
  std::unique_ptr<KeyValueWatch> watch;
  Mutex mutex;
  const auto reply = [&](const BucketEntry& entry) {
    if (entry.key != "question") return;
    EXPECT_THAT(store_->Get("question", Soon()), IsOk());
    EXPECT_THAT(store_->Put("answer", "1", Soon()), IsOk());
    MutexLock lock(mutex);
    watch->Stop();
  };
  {
    MutexLock lock(mutex);
    watch = Watch(">", recorder.Events(reply));
  }
  ASSERT_TRUE(recorder.ReachUpToDate());
  Put("question", "1");
  ASSERT_TRUE(recorder.Reach("question=1"));
  watch->Stop();
  EXPECT_THAT(store_->Get("answer", Soon()), IsOk());
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "question=1"));
}

TEST_P(KeyValueWatchContractTest, ReportsNothingOnceItIsStopped) {
  WatchRecorder recorder;
  const auto watch = Watch(">", recorder.Events());
  ASSERT_TRUE(recorder.ReachUpToDate());
  watch->Stop();
  watch->Stop();
  Put("a", "1");
  WatchRecorder later;
  const auto second = Watch(">", later.Events());
  ASSERT_TRUE(later.ReachUpToDate());
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date"));
}

TEST_P(KeyValueWatchContractTest, OutlivesItsBucketAndItsTransport) {
  WatchRecorder recorder;
  auto other = Connect();
  auto store = other->OpenBucket({"leases", {.history = 5}}, Soon());
  ASSERT_THAT(store, IsOk());
  auto watch = (*store)->Watch(">", recorder.Events(), Soon());
  ASSERT_THAT(watch, IsOk());
  store->reset();
  ASSERT_TRUE(recorder.ReachUpToDate());
  other->Close();
  other.reset();
  Put("a", "1");
  watch->reset();
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date"));
}

TEST_P(KeyValueWatchContractTest, ClosingTheTransportDoesNotWaitForItsCallback) {
  WatchRecorder recorder;
  std::promise<void> closed;
  auto released = closed.get_future().share();
  const auto watch = Watch(">", recorder.Events([released](const BucketEntry&) { released.wait(); }));
  ASSERT_TRUE(recorder.ReachUpToDate());
  Put("a", "1");
  Put("b", "1");
  ASSERT_TRUE(recorder.Reach("a=1"));
  transport().Close();
  closed.set_value();
  watch->Stop();
  EXPECT_THAT(recorder.Log(), ElementsAre("up to date", "a=1"));
}

TEST_P(KeyValueWatchContractTest, RefusesAnInvalidPatternAndAMissingCallback) {
  WatchRecorder recorder;
  for (const char* pattern : {"", ".", "a.", "a..b", "a b", ">.a", "a*", "a>", "a.>.b", "**", "\r\n", "a\xff"}) {
    EXPECT_THAT(store_->Watch(pattern, recorder.Events(), Soon()),
                StatusIs(Code::kInvalidArgument, HasSubstr("\"pattern\"")))
        << pattern;
  }
  EXPECT_THAT(store_->Watch(">", {}, Soon()), StatusIs(Code::kInvalidArgument, HasSubstr("\"on_entry\"")));
}

TEST_P(KeyValueWatchContractTest, ItsEntriesAreThoseOfGet) {
  Put("a", std::string("x\0y", 3));
  WatchRecorder recorder;
  const auto watch = Watch("a", recorder.Events());
  ASSERT_TRUE(recorder.ReachUpToDate());
  const auto entry = store_->Get("a", Soon());
  ASSERT_THAT(entry, IsOk());
  const BucketEntry reported = recorder.Entries().front();
  EXPECT_EQ(reported.key, entry->key);
  EXPECT_EQ(reported.value, entry->value);
  EXPECT_EQ(reported.revision, entry->revision);
  EXPECT_EQ(reported.created, entry->created);
}

}  // namespace
}  // namespace penstock::eventbus::contract
