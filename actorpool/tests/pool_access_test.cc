// SPDX-License-Identifier: Apache-2.0
#include "penstock/actorpool/internal/pool_access.h"

#include <atomic>
#include <memory>
#include <vector>

#include "gate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock::actorpool::internal {
namespace {

using std::chrono::seconds;
using ::testing::Each;
using ::testing::Field;

std::unique_ptr<ActorPool> MakePool(ActorPoolOptions options) { return ActorPool::Create(std::move(options)).value(); }

absl::Status DoNothing() { return absl::OkStatus(); }

TEST(PoolAccessTest, TheHashOfAKeyLeadsToTheActorThatThePublicApiReturns) {
  const auto pool = MakePool({.actors = 77, .workers = 1});
  const PoolAccess access(*pool);
  for (const char* key : {"a", "order-4711", "\xff\xfe"}) {
    EXPECT_EQ(access.ActorOf(PoolAccess::HashOf(key)), pool->ActorFor(key)) << key;
  }
}

TEST(PoolAccessTest, ABatchEnqueuesForTheActorOfTheGivenIndex) {
  const auto pool = MakePool({.actors = 4, .workers = 1});
  {
    PoolAccess::Batch batch{PoolAccess(*pool)};
    for (int i = 0; i < 3; ++i) {
      Message message{.key = "ignored", .work = DoNothing};
      ASSERT_EQ(batch.TryEnqueue(message, 2), Admission::kAccepted);
    }
  }
  EXPECT_EQ(pool->Stats().actors[2].sent, 3U);
  EXPECT_EQ(pool->Stats().Total().sent, 3U);
}

TEST(PoolAccessTest, ABatchDistributesMessagesForAnyActorEvenly) {
  const auto pool = MakePool({.actors = 4, .workers = 1});
  {
    PoolAccess::Batch batch{PoolAccess(*pool)};
    for (int i = 0; i < 8; ++i) {
      Message message{.work = DoNothing};
      ASSERT_EQ(batch.TryEnqueue(message, kAnyActor), Admission::kAccepted);
    }
  }
  EXPECT_THAT(pool->Stats().actors, Each(Field(&ActorStats::sent, 2U)));
}

TEST(PoolAccessTest, WorkersRunTheMessagesOfABatchOnceItIsDestroyed) {
  constexpr int kMessages = 500;
  const auto pool = MakePool({.actors = 4, .inbox_capacity = 2 * kMessages, .workers = 2});
  Gate ran;
  {
    PoolAccess::Batch batch{PoolAccess(*pool)};
    for (int i = 0; i < kMessages; ++i) {
      Message message{.work = [&ran] { return ran.Pass(), absl::OkStatus(); }};
      ASSERT_EQ(batch.TryEnqueue(message, kAnyActor), Admission::kAccepted);
    }
  }
  EXPECT_TRUE(ran.Await(kMessages));
}

TEST(PoolAccessTest, AFullInboxRefusesAMessageAndLeavesItUnchanged) {
  const auto pool = MakePool({.actors = 1, .inbox_capacity = 3, .workers = 1});
  Gate began;
  Gate release;
  const auto hold = [&] {
    began.Pass();
    release.Await();
    return absl::OkStatus();
  };
  ASSERT_TRUE(pool->ProcessMessage({.work = hold}).ok());
  ASSERT_TRUE(began.Await());
  PoolAccess::Batch batch{PoolAccess(*pool)};
  for (int i = 0; i < 3; ++i) {
    Message message{.work = DoNothing};
    EXPECT_EQ(batch.TryEnqueue(message, 0), Admission::kAccepted);
  }
  Message message{.work = DoNothing};
  EXPECT_EQ(batch.TryEnqueue(message, 0), Admission::kFull);
  EXPECT_TRUE(message.work != nullptr);
  EXPECT_EQ(pool->Stats().Total().inbox_full, 1U);
  release.Pass();
}

TEST(PoolAccessTest, AClosedPoolRefusesAMessageAndLeavesItUnchanged) {
  const auto pool = MakePool({.workers = 1});
  ASSERT_TRUE(pool->Drain(seconds(20)).ok());
  Message message{.work = DoNothing};
  EXPECT_EQ(PoolAccess::Batch(PoolAccess(*pool)).TryEnqueue(message, kAnyActor), Admission::kClosed);
  EXPECT_TRUE(message.work != nullptr);
}

TEST(PoolAccessTest, AMessageWithoutWorkEndsWithAnError) {
  const auto pool = MakePool({.workers = 1});
  Gate settled;
  Completion seen;
  Message message{.settled = [&](const Completion& completion) {
    seen = completion;
    settled.Pass();
  }};
  EXPECT_EQ(PoolAccess::Batch(PoolAccess(*pool)).TryEnqueue(message, kAnyActor), Admission::kAccepted);
  ASSERT_TRUE(settled.Await());
  EXPECT_EQ(seen.status.code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace penstock::actorpool::internal
