// SPDX-License-Identifier: Apache-2.0
// How one stream ends, and how its ID is used again.
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "tests/streams/stream_fixture.h"

namespace penstock::actorpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StreamEndingTest : public StreamTest {
 protected:
  /// Stream "a" with a message in its callback and `queued` more.
  void Begin(int queued) {
    Register("a", Waiting("a"));
    Dispatch("a", 0);
    ASSERT_TRUE(began_.Await());
    for (int i = 1; i <= queued; ++i) Dispatch("a", i);
  }
};

TEST_F(StreamEndingTest, FinishesWhatItAccepted) {
  Begin(5);
  ASSERT_TRUE(registry_->Unregister("a").ok());
  EXPECT_EQ(registry_->Stats().ending, 1u);
  release_.Pass(6);
  ASSERT_TRUE(ended_.Await(6));
  EXPECT_EQ(Handled("a"), Numbers(6));
  EXPECT_EQ(registry_->Stats().total.dropped, 0u);
}

TEST_F(StreamEndingTest, OrDropsWhatHasNotBegunAndCountsIt) {
  Begin(5);
  ASSERT_TRUE(registry_->Unregister("a", Pending::kDrop).ok());
  EXPECT_EQ(registry_->Stats().total.dropped, 5u);
  EXPECT_EQ(registry_->Stats().total.queued, 0u);
  EXPECT_EQ(registry_->Stats().total.running, 1u);
  release_.Pass(6);
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(1));
  const StreamStats total = registry_->Stats().total;
  EXPECT_EQ(total.accepted, 6u);
  EXPECT_EQ(total.succeeded, 1u);
  EXPECT_EQ(total.dropped, 5u);
}

TEST_F(StreamEndingTest, WithATimeoutItWaitsForTheEnd) {
  Begin(2);
  const absl::Status status = registry_->Unregister("a", Pending::kFinish, milliseconds(5));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("stream \"a\" of registry \"streams\": it has not ended after 5ms"));
  release_.Pass(3);
  Register("b", Waiting("b"));
  Dispatch("b", 1);
  EXPECT_TRUE(registry_->Unregister("b", Pending::kFinish, kPatience).ok());
  EXPECT_EQ(Handled("b"), std::vector<int>{1}) << "it has ended";
}

TEST_F(StreamEndingTest, AStreamWithoutMessagesEndsAtOnce) {
  Register("a", Noting("a"));
  EXPECT_TRUE(registry_->Unregister("a", Pending::kFinish, hours(1)).ok());
  EXPECT_EQ(registry_->Stats().ending, 0u);
}

TEST_F(StreamEndingTest, TheCallbackIsDestroyedWhenItEnds) {
  auto captured = std::make_shared<int>(7);
  const std::weak_ptr<int> watch = captured;
  Register("a", [this, captured = std::move(captured)](int number) {
    Note("a", number);
    return absl::OkStatus();
  });
  Dispatch("a", 1);
  ASSERT_TRUE(registry_->Unregister("a", Pending::kFinish, kPatience).ok());
  EXPECT_TRUE(watch.expired());
  EXPECT_EQ(Handled("a"), std::vector<int>{1});
}

TEST_F(StreamEndingTest, ACallbackMayUnregisterItsOwnStream) {
  for (const Pending pending : {Pending::kFinish, Pending::kDrop}) {
    Open({});
    const std::string id = pending == Pending::kDrop ? "drop" : "finish";
    Register(id, [this, id, pending](int number) {
      release_.Await(pending == Pending::kDrop ? 2 : 1);
      EXPECT_TRUE(number > 0 || registry_->Unregister(id, pending, hours(1)).ok());
      Note(id, number);
      return absl::OkStatus();
    });
    DispatchMany(id, 3);
    release_.Pass();
    ASSERT_TRUE(ended_.Await(pending == Pending::kDrop ? 4 : 3));
    Drained();
    EXPECT_EQ(Handled(id), Numbers(pending == Pending::kDrop ? 1 : 3));
    EXPECT_EQ(registry_->Stats().total.dropped, pending == Pending::kDrop ? 2u : 0u);
  }
}

TEST_F(StreamEndingTest, AnIdMayBeRegisteredAgainWhileItsFormerStreamEnds) {
  Begin(3);
  ASSERT_TRUE(registry_->Unregister("a").ok());
  Register("a", Noting("again"));
  Dispatch("a", 10);
  Register("b", Noting("b"));
  Dispatch("b", 1);
  ASSERT_TRUE(ended_.Await(1));
  EXPECT_THAT(Handled("again"), IsEmpty()) << "one message of an ID at a time, in order";
  release_.Pass(4);
  Drained();
  EXPECT_EQ(Handled("a"), Numbers(4));
  EXPECT_EQ(Handled("again"), std::vector<int>{10});
}

TEST_F(StreamEndingTest, AnIdMayBeRegisteredManyTimesMeanwhile) {
  Begin(0);
  constexpr int kTimes = 50'000;
  for (int i = 0; i < kTimes; ++i) {
    ASSERT_TRUE(registry_->Unregister("a").ok());
    Register("a", Noting("again"));
    if (i % 10'000 == 0) Dispatch("a", i);
  }
  EXPECT_EQ(registry_->Stats().ending, static_cast<std::size_t>(kTimes));
  release_.Pass();
  Drained();
  EXPECT_EQ(Handled("again"), (std::vector<int>{0, 10'000, 20'000, 30'000, 40'000}));
}

TEST_F(StreamEndingTest, AHeldStreamThatIsDroppedLeavesTheNextOneWaiting) {
  Begin(0);
  ASSERT_TRUE(registry_->Unregister("a").ok());
  Register("a", Noting("dropped"));
  Dispatch("a", 1);
  ASSERT_TRUE(registry_->Unregister("a", Pending::kDrop).ok());
  Register("a", Noting("third"));
  Dispatch("a", 2);
  EXPECT_EQ(registry_->Unregister("a", Pending::kFinish, milliseconds(5)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Handled("third"), IsEmpty());
  release_.Pass();
  Drained();
  EXPECT_THAT(Handled("dropped"), IsEmpty());
  EXPECT_EQ(Handled("third"), std::vector<int>{2});
  EXPECT_EQ(registry_->Stats().total.dropped, 1u);
}

TEST_F(StreamEndingTest, ACallbackMayReplaceItself) {
  Register("a", [this](int number) {
    if (number == 0) {
      EXPECT_TRUE(registry_->Unregister("a").ok());
      EXPECT_TRUE(registry_->Register("a", Noting("new")).ok());
      EXPECT_TRUE(registry_->Dispatch("a", 1).ok());
    }
    Note("old", number);
    return absl::OkStatus();
  });
  Dispatch("a", 0);
  ASSERT_TRUE(ended_.Await(2));
  EXPECT_EQ(Handled("old"), std::vector<int>{0});
  EXPECT_EQ(Handled("new"), std::vector<int>{1});
}

TEST_F(StreamEndingTest, ACallbacksDestructorMayCallTheRegistry) {
  class Caller {
   public:
    Caller(Registry& registry, Gate& called) : registry_(registry), called_(called) {}
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller() {
      EXPECT_TRUE(registry_.Unregister("b").ok());
      EXPECT_EQ(registry_.Stats().streams, 0u);
      called_.Pass();
    }

   private:
    Registry& registry_;
    Gate& called_;
  };
  Gate called;
  Register("b", Noting("b"));
  Register("a", [caller = std::make_shared<Caller>(*registry_, called)](int) { return absl::OkStatus(); });
  Dispatch("a", 0);
  ASSERT_TRUE(registry_->Unregister("a").ok());
  EXPECT_TRUE(called.Await());
}

}  // namespace
}  // namespace penstock::actorpool
