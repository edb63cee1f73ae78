// SPDX-License-Identifier: Apache-2.0
#include "bus/handle/deferral.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "message/delivery_factory.h"

namespace penstock::eventbus {
namespace {

using std::chrono::milliseconds;

/// Keeps how its deferral's message ended, and how often. Thread-safe.
class Ends {
 public:
  std::shared_ptr<Deferral> Make() {
    return std::make_shared<Deferral>([this](HandlerResult result) {
      std::lock_guard<std::mutex> lock(mutex_);
      ends_.push_back(std::move(result));
    });
  }
  std::size_t count() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return ends_.size();
  }
  HandlerResult only() const {
    std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(ends_.size(), 1u);
    return ends_.empty() ? HandlerResult{} : ends_.front();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<HandlerResult> ends_;
};

/// A source of one deferral, as a handler's call is.
class OneDeferral final : public DeferralSource {
 public:
  explicit OneDeferral(std::shared_ptr<Deferral> deferral) : deferral_(std::move(deferral)) {}
  std::shared_ptr<Deferral> Defer() override { return std::exchange(deferral_, nullptr); }

 private:
  std::shared_ptr<Deferral> deferral_;
};

class NoMessage final : public StoredMessage {
 public:
  std::optional<std::string_view> Header(std::string_view) const override { return std::nullopt; }
  Headers AllHeaders() const override { return {}; }
  std::unique_ptr<StoredMessage> Stub() const override { return std::make_unique<NoMessage>(); }
};

DeferredOutcome TokenOf(std::shared_ptr<Deferral> deferral) {
  const NoMessage message;
  OneDeferral source(std::move(deferral));
  return DeliveryFactory::Make(message, {"orders"}, {}, source).Defer();
}

TEST(DeferralTest, EndsWhenItIsSettledAndTheHandlerHasReturned) {
  Ends ends;
  auto deferral = ends.Make();
  EXPECT_TRUE(deferral->Settle(Ack()).ok());
  EXPECT_EQ(ends.count(), 0u);
  deferral->Returned();
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kHandled);
}

TEST(DeferralTest, EndsInTheOtherOrderToo) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  EXPECT_EQ(ends.count(), 0u);
  EXPECT_TRUE(deferral->Settle(RetryAfter(milliseconds{5}, "later")).ok());
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kRetry);
  EXPECT_EQ(ends.only().reason, "later");
  EXPECT_EQ(ends.only().delay, milliseconds{5});
}

TEST(DeferralTest, IsSettledOnceOnly) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  EXPECT_TRUE(deferral->Settle(Reject("never")).ok());
  EXPECT_EQ(deferral->Settle(Ack()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kReject);
}

TEST(DeferralTest, IsNotSettledByDeferringAgain) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  EXPECT_EQ(deferral->Settle(Deferred()).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ends.count(), 0u);
  EXPECT_TRUE(deferral->Settle(Ack()).ok());
}

TEST(DeferralTest, WhatIsTakenBackIsAbandonedOnceTheHandlerHasReturned) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->TakeBack();
  EXPECT_EQ(ends.count(), 0u);
  EXPECT_EQ(deferral->Settle(Ack()).code(), absl::StatusCode::kFailedPrecondition);
  deferral->Returned();
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kAbandoned);
}

TEST(DeferralTest, WhatWasSettledIsNotTakenBack) {
  Ends ends;
  auto deferral = ends.Make();
  EXPECT_TRUE(deferral->Settle(Ack()).ok());
  deferral->TakeBack();
  deferral->Returned();
  deferral->TakeBack();
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kHandled);
}

TEST(DeferralTest, MayBeSettledAgainByWhatEndsIt) {
  std::shared_ptr<Deferral> deferral;
  absl::Status again;
  deferral = std::make_shared<Deferral>([&](const HandlerResult&) { again = deferral->Settle(Ack()); });
  deferral->Returned();
  EXPECT_TRUE(deferral->Settle(Ack()).ok());
  EXPECT_EQ(again.code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DeferralTest, EndsOnceWhoeverComesFirst) {
  for (int round = 0; round < 200; ++round) {
    Ends ends;
    auto deferral = ends.Make();
    std::atomic<int> settled{0};
    {
      std::jthread returning([&] { deferral->Returned(); });
      std::jthread taking_back([&] { deferral->TakeBack(); });
      std::jthread ack([&] { settled += deferral->Settle(Ack()).ok() ? 1 : 0; });
      settled += deferral->Settle(Ack()).ok() ? 1 : 0;
    }
    EXPECT_LE(settled, 1);
    EXPECT_EQ(ends.only().kind, settled == 1 ? HandlerResult::Kind::kHandled : HandlerResult::Kind::kAbandoned);
  }
}

TEST(DeferredOutcomeTest, SaysRetryWhenItIsDropped) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  { const DeferredOutcome token = TokenOf(deferral); }
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kRetry);
  EXPECT_EQ(ends.only().reason, "its deferred outcome was dropped");
}

TEST(DeferredOutcomeTest, SaysNothingMoreOnceItWasSettled) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  { EXPECT_TRUE(TokenOf(deferral).Settle(Ack()).ok()); }
  EXPECT_EQ(ends.only().kind, HandlerResult::Kind::kHandled);
}

TEST(DeferredOutcomeTest, TakesItsMessageAlongWhenItIsMoved) {
  Ends ends;
  auto deferral = ends.Make();
  deferral->Returned();
  DeferredOutcome first = TokenOf(deferral);
  DeferredOutcome second = std::move(first);
  EXPECT_EQ(ends.count(), 0u);
  EXPECT_TRUE(second.Settle(Ack()).ok());
  EXPECT_EQ(ends.count(), 1u);
}

TEST(DeferredOutcomeTest, DropsWhatItHadWhenAnotherIsMovedIntoIt) {
  Ends old_ends;
  Ends new_ends;
  auto old_deferral = old_ends.Make();
  auto new_deferral = new_ends.Make();
  old_deferral->Returned();
  new_deferral->Returned();
  DeferredOutcome token = TokenOf(old_deferral);
  token = TokenOf(new_deferral);
  EXPECT_EQ(old_ends.only().kind, HandlerResult::Kind::kRetry);
  EXPECT_EQ(new_ends.count(), 0u);
  token = DeferredOutcome();
  EXPECT_EQ(new_ends.only().kind, HandlerResult::Kind::kRetry);
}

TEST(DeferredOutcomeTest, OfNoMessageSettlesNothing) {
  DeferredOutcome token;
  EXPECT_EQ(token.Settle(Ack()).code(), absl::StatusCode::kFailedPrecondition);
  const NoMessage message;
  EXPECT_EQ(DeliveryFactory::Make(message, {"notices"}).Defer().Settle(Ack()).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(ToVerdictTest, KeepsKindReasonAndDelay) {
  EXPECT_EQ(ToHandlerResult(Ack()).kind, HandlerResult::Kind::kHandled);
  EXPECT_EQ(ToHandlerResult(Retry("r")).kind, HandlerResult::Kind::kRetry);
  EXPECT_EQ(ToHandlerResult(Retry("r")).reason, "r");
  EXPECT_LT(ToHandlerResult(Retry("r")).delay.count(), 0);
  EXPECT_EQ(ToHandlerResult(RetryAfter(milliseconds{-7}, "r")).delay.count(), 0);
  EXPECT_EQ(ToHandlerResult(Reject("x")).kind, HandlerResult::Kind::kReject);
  EXPECT_EQ(ToHandlerResult(absl::InternalError("boom")).reason, "INTERNAL: boom");
  EXPECT_EQ(ToHandlerResult(Deferred()).kind, HandlerResult::Kind::kRetry);
}

TEST(DeferralTest, OfAHandledMessageIsNotEndedByTakingItBack) {
  std::vector<HandlerResult::Kind> ends;
  Deferral deferral([&ends](const HandlerResult& result) { ends.push_back(result.kind); }, Deferral::TakenBack::kWaits);
  deferral.Returned();
  deferral.TakeBack();
  EXPECT_TRUE(ends.empty());
  EXPECT_TRUE(deferral.Settle(Ack()).ok());
  EXPECT_EQ(ends, std::vector{HandlerResult::Kind::kHandled});
}

}  // namespace
}  // namespace penstock::eventbus
