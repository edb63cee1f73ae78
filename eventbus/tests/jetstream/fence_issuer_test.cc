// SPDX-License-Identifier: Apache-2.0
#include "jetstream/lease/fence_issuer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "transport/connect.h"
#include "transport/transport.h"

namespace penstock::eventbus::jetstream {
namespace {

class FenceIssuerTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<KeyValueStore>> Open(const CallLimit& limit) {
    ++opened_;
    if (!trouble_.ok()) return trouble_;
    return transport_->OpenBucket({.name = "FENCES"}, limit);
  }
  absl::StatusOr<std::uint64_t> Issue(const std::string& owner, std::uint64_t last,
                                      const std::string& consumer = "ORDERS.billing") {
    return issuer_.Issue({.consumer = consumer, .owner = owner, .last = last}, CallLimit::In(std::chrono::seconds(5)));
  }

  const std::unique_ptr<Transport> transport_ = *ConnectMemory({.url = "memory://", .client_id = "fence"});
  absl::Status trouble_;
  int opened_ = 0;
  FenceIssuer issuer_{[this](const CallLimit& limit) { return Open(limit); }};
};

TEST_F(FenceIssuerTest, RisesFromOwnerToOwner) {
  std::uint64_t last = 0;
  for (const char* owner : {"a", "b", "a.2", "c"}) {
    const auto fence = Issue(owner, 0);
    ASSERT_TRUE(fence.ok()) << fence.status();
    EXPECT_GT(*fence, last);
    last = *fence;
  }
  EXPECT_EQ(opened_, 1);
}

TEST_F(FenceIssuerTest, IsKeptWhileNobodyElseWasIssuedOne) {
  const std::uint64_t fence = *Issue("a", 0);
  EXPECT_EQ(*Issue("a", fence), fence);
  EXPECT_NE(*Issue("other", 0, "ORDERS.shipping"), fence) << "another durable's";
  EXPECT_EQ(*Issue("a", fence), fence);
  const std::uint64_t second = *Issue("b", 0);
  const std::uint64_t third = *Issue("a", fence);
  EXPECT_GT(second, fence);
  EXPECT_GT(third, second);
  EXPECT_EQ(*Issue("a", third), third);
}

TEST_F(FenceIssuerTest, OpensTheBucketOnce) {
  EXPECT_TRUE(issuer_.Open(CallLimit::In(std::chrono::seconds(5))).ok());
  EXPECT_TRUE(Issue("a", 0).ok());
  EXPECT_EQ(opened_, 1);
}

// As in a bucket that was deleted and created again.
TEST_F(FenceIssuerTest, TheNumberOfAnotherIsNotTakenForOnesOwn) {
  const std::uint64_t fence = *Issue("a", 0);
  EXPECT_GT(*Issue("b", fence), fence);
}

TEST_F(FenceIssuerTest, ABucketThatCannotBeHadIsAskedForAgain) {
  trouble_ = absl::PermissionDeniedError("not yours");
  EXPECT_TRUE(absl::IsPermissionDenied(Issue("a", 0).status()));
  trouble_ = absl::OkStatus();
  EXPECT_TRUE(Issue("a", 0).ok());
  EXPECT_EQ(opened_, 2);
}

TEST_F(FenceIssuerTest, ABucketThatFailsIsOpenedAgain) {
  ASSERT_TRUE(Issue("a", 0).ok());
  EXPECT_FALSE(issuer_.Issue({.consumer = "no key", .owner = "a"}, CallLimit::In(std::chrono::seconds(5))).ok());
  EXPECT_TRUE(Issue("a", 0).ok());
  EXPECT_EQ(opened_, 2);
}

}  // namespace
}  // namespace penstock::eventbus::jetstream
