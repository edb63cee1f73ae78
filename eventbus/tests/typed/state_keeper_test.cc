// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/numbers.h"
#include "penstock/eventbus/actor_state.h"
#include "support/status_matchers.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// Keeps states in memory, and fails when it is told to.
class TestStore final : public StateStore {
 public:
  absl::StatusOr<std::optional<StoredState>> Load(std::string_view key) override {
    ++loads;
    if (!status.ok()) return status;
    const auto found = states.find(std::string(key));
    return found == states.end() ? std::nullopt : std::optional(found->second);
  }
  absl::StatusOr<std::uint64_t> Save(std::string_view key, const StoredState& state) override {
    if (!status.ok()) return status;
    StoredState& there = states[std::string(key)];
    if (there.revision != state.revision) return absl::AbortedError("another revision");
    there = state;
    there.revision = ++revision;
    return revision;
  }

  std::map<std::string, StoredState> states;
  std::uint64_t revision = 0;
  int loads = 0;
  absl::Status status;
};

class StateKeeperTest : public ::testing::Test {
 protected:
  static StateKeeper::Type Numbers() {
    return {.make = [](std::string_view) { return std::shared_ptr<void>(std::make_shared<int>(0)); },
            .decode = [](std::string_view bytes) -> absl::StatusOr<std::shared_ptr<void>> {
              int number = 0;
              if (!absl::SimpleAtoi(std::string(bytes), &number)) return absl::InvalidArgumentError("no number");
              return std::shared_ptr<void>(std::make_shared<int>(number));
            },
            .encode = [](const void* state) -> absl::StatusOr<std::string> {
              return std::to_string(*static_cast<const int*>(state));
            }};
  }

  // Adds 1 to the state of the key, as message number `sequence`.
  Outcome Add(std::uint64_t sequence, Outcome outcome = Ack(), std::uint64_t fence = 1, const std::string& key = "a") {
    return keeper_->Handle(
        {.key = key, .sequence = sequence, .stored_at = TimeOf(sequence), .fence = fence},
        [&](void* state) {
          ++calls_;
          last_ = ++*static_cast<int*>(state);
          return outcome;
        },
        now_);
  }
  std::chrono::system_clock::time_point TimeOf(std::uint64_t sequence) const {
    return std::chrono::system_clock::time_point(std::chrono::seconds(epoch_ + sequence));
  }
  void Restart() { keeper_ = std::make_unique<StateKeeper>(Numbers(), store_, milliseconds{1000}); }

  std::shared_ptr<TestStore> store_ = std::make_shared<TestStore>();
  std::unique_ptr<StateKeeper> keeper_ = std::make_unique<StateKeeper>(Numbers(), store_, milliseconds{1000});
  StateKeeper::Clock::time_point now_{std::chrono::hours{1}};
  std::uint64_t epoch_ = 1000;
  int calls_ = 0;
  int last_ = 0;
};

TEST_F(StateKeeperTest, IsSavedBeforeItsMessageIsOver) {
  EXPECT_EQ(Add(1).kind(), Outcome::Kind::kAck);
  EXPECT_EQ(store_->states.at("a").state, "1");
  EXPECT_EQ(Add(2).kind(), Outcome::Kind::kAck);
  EXPECT_EQ(store_->states.at("a").state, "2");
  EXPECT_EQ(store_->loads, 1);
}

TEST_F(StateKeeperTest, SeesAMessageOnceWhateverIsDeliveredAgain) {
  Add(1);
  Add(2);
  Restart();
  EXPECT_EQ(Add(1).kind(), Outcome::Kind::kAck);
  EXPECT_EQ(Add(2).kind(), Outcome::Kind::kAck);
  EXPECT_EQ(calls_, 2) << "the acknowledgements were lost, the state was not";
  Add(3);
  EXPECT_EQ(last_, 3);
}

// What has become of the result of one before the last is in the books of results: its handler was over before the last
// one's began.
TEST_F(StateKeeperTest, ReturnsTheValueOfTheLastMessageAgainAndOfAnEarlierOneNone) {
  Add(1, Outcome::With("one"));
  Add(2, Outcome::With("two"));
  Restart();
  const Outcome earlier = Add(1);
  EXPECT_TRUE(earlier.already_handled());
  EXPECT_EQ(earlier.value(), nullptr);
  const Outcome last = Add(2);
  EXPECT_TRUE(last.already_handled());
  ASSERT_NE(last.value(), nullptr);
  EXPECT_EQ(*last.value(), "two");
  EXPECT_FALSE(Add(3, Outcome::With("three")).already_handled());
  EXPECT_EQ(*Add(3).value(), "three") << "without a restart, too";
}

TEST_F(StateKeeperTest, AMessageOfAStreamMadeAnewIsNoOldOne) {
  Add(7);
  epoch_ += 1000;
  Add(1);
  EXPECT_EQ(last_, 2);
}

TEST_F(StateKeeperTest, WhatFailedLeavesTheStateAsItWas) {
  Add(1);
  EXPECT_EQ(Add(2, Retry("no")).kind(), Outcome::Kind::kRetry);
  EXPECT_EQ(last_, 2);
  Add(2);
  EXPECT_EQ(last_, 2) << "not 3";
  const auto throws = [&] {
    keeper_->Handle({.key = "a", .sequence = 3, .stored_at = TimeOf(3), .fence = 1}, [](void* state) -> Outcome {
      ++*static_cast<int*>(state);
      throw std::runtime_error("no");
    });
  };
  EXPECT_THROW(throws(), std::runtime_error);
  Add(3);
  EXPECT_EQ(last_, 3);
}

TEST_F(StateKeeperTest, WhatCannotBeSavedIsTriedAgainFromTheState) {
  Add(1);
  store_->status = absl::UnavailableError("no server");
  const Outcome outcome = Add(2);
  EXPECT_EQ(outcome.kind(), Outcome::Kind::kRetry);
  EXPECT_THAT(outcome.reason(), HasSubstr("save the state of key \"a\": no server"));
  EXPECT_THAT(Add(2).reason(), HasSubstr("load the state"));
  store_->status = absl::OkStatus();
  Add(2);
  EXPECT_EQ(store_->states.at("a").state, "2");
}

TEST_F(StateKeeperTest, AnotherOwnersWorkIsLoadedWithTheNextFence) {
  Add(1);
  StateKeeper other(Numbers(), store_, milliseconds{1000});
  other.Handle({.key = "a", .sequence = 2, .stored_at = TimeOf(2), .fence = 2}, [](void* state) {
    *static_cast<int*>(state) += 10;
    return Ack();
  });
  Add(3, Ack(), /*fence=*/3);
  EXPECT_EQ(last_, 12);
}

TEST_F(StateKeeperTest, AFormerOwnerCannotOverwriteItsSuccessor) {
  Add(1);
  StateKeeper other(Numbers(), store_, milliseconds{1000});
  other.Handle({.key = "a", .sequence = 2, .stored_at = TimeOf(2), .fence = 2}, [](void* state) {
    *static_cast<int*>(state) += 10;
    return Ack();
  });
  EXPECT_THAT(Add(2).reason(), HasSubstr("another revision"));
  EXPECT_EQ(store_->states.at("a").state, "11");
}

TEST_F(StateKeeperTest, IdleStatesAreLetGo) {
  Add(1, Ack(), 1, "a");
  Add(2, Ack(), 1, "b");
  EXPECT_EQ(keeper_->size(), 2u);
  now_ += milliseconds{1500};
  Add(3, Ack(), 1, "b");
  EXPECT_EQ(keeper_->size(), 1u);
  EXPECT_EQ(last_, 2) << "it was loaded again";
}

TEST_F(StateKeeperTest, WithoutAStoreAStateLivesInMemory) {
  store_ = nullptr;
  Restart();
  Add(1);
  Add(2, Retry("no"));
  Add(2);
  EXPECT_EQ(last_, 3) << "what a failure left in it stays";
}

TEST_F(StateKeeperTest, ADeferralIsRejected) { EXPECT_EQ(Add(1, Deferred()).kind(), Outcome::Kind::kReject); }

}  // namespace
}  // namespace penstock::eventbus
