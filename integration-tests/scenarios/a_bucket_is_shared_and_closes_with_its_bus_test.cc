// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "scenarios/scenario.h"

namespace penstock::testing {
namespace {

using ::testing::HasSubstr;
using Code = absl::StatusCode;

class ABucketIsSharedAndClosesWithItsBus : public EveryTransport {
 protected:
  static std::unique_ptr<Bucket> Open(EventBus& bus, const BucketOptions& options = {}) {
    auto bucket = bus.Bucket("leases", options);
    EXPECT_THAT(bucket, IsOk());
    return bucket.ok() ? *std::move(bucket) : nullptr;
  }
};
PENSTOCK_ON_EVERY_TRANSPORT(ABucketIsSharedAndClosesWithItsBus);

TEST_P(ABucketIsSharedAndClosesWithItsBus, TwoServicesAgreeOnOneOwner) {
  const auto one = Connect(Options("one")), two = Connect(Options("two"));
  const auto ours = Open(*one), theirs = Open(*two);
  EXPECT_EQ(ours->name(), "leases");
  EXPECT_EQ(ours->settings().history, 1U);
  const auto lease = ours->Create("billing.owner", "one");
  ASSERT_THAT(lease, IsOk());
  EXPECT_THAT(theirs->Create("billing.owner", "two"), StatusIs(Code::kAlreadyExists));
  const auto renewed = ours->Update("billing.owner", "one", *lease);
  ASSERT_THAT(renewed, IsOk());
  EXPECT_THAT(theirs->Update("billing.owner", "two", *lease), StatusIs(Code::kAborted));
  EXPECT_THAT(ours->Delete("billing.owner", {.expected_revision = *lease}), StatusIs(Code::kAborted));
  EXPECT_THAT(ours->Delete("billing.owner", {.expected_revision = *renewed}), IsOk());
  EXPECT_THAT(theirs->Create("billing.owner", "two"), IsOk());
  EXPECT_EQ(ours->Get("billing.owner")->value, "two");
  EXPECT_THAT(ours->Purge("billing.owner"), IsOk());
  EXPECT_THAT(theirs->Get("billing.owner"), StatusIs(Code::kNotFound));
  EXPECT_THAT(ours->Put("billing.owner", "one"), IsOk());
}

TEST_P(ABucketIsSharedAndClosesWithItsBus, HandlersUseIt) {
  const auto bus = Connect();
  const auto bucket = Open(*bus);
  constexpr std::size_t kEvents = 50;
  Log log;
  const auto handler = [&](const Envelope& event, const Delivery&) {
    const auto entry = bucket->Get(event.aggregate_id);
    const std::uint64_t revision = entry.ok() ? entry->revision : 0;
    EXPECT_THAT(bucket->Update(event.aggregate_id, event.payload, revision), IsOk());
    log.Add(event.aggregate_id, event.payload);
    return Ack();
  };
  ASSERT_THAT(bus->SubscribeEnvelope("orders", handler), IsOk());
  PublishNumbered(*bus, "orders", 2, kEvents / 2);
  ASSERT_TRUE(log.Reaches(kEvents));
  EXPECT_EQ(bucket->Get("k0")->value, std::to_string(kEvents / 2 - 1));
}

TEST_P(ABucketIsSharedAndClosesWithItsBus, ClosingAndDrainingWaitForNoWatch) {
  for (const bool drains : {true, false}) {
    auto bus = Connect();
    const auto bucket = Open(*bus);
    std::promise<void> began, closed;
    auto released = closed.get_future().share();
    const auto held = bucket->Watch(">", {.on_entry = [&, released, first = true](const BucketEntry&) mutable {
                                      if (std::exchange(first, false)) began.set_value();
                                      released.wait();
                                    }});
    ASSERT_THAT(held, IsOk());
    const auto idle = bucket->Watch("none", {.on_entry = [](const BucketEntry&) {}});
    ASSERT_THAT(idle, IsOk());
    ASSERT_THAT(bucket->Put("k", "v"), IsOk());
    began.get_future().wait();
    drains ? (void)bus->Drain(std::chrono::seconds(5)) : bus->Close();
    EXPECT_THAT(bucket->Get("k"), StatusIs(Code::kFailedPrecondition, HasSubstr("closed")));
    EXPECT_THAT(bus->Bucket("leases"), StatusIs(Code::kFailedPrecondition, HasSubstr("closed")));
    bus.reset();
    EXPECT_THAT(bucket->Put("k", "v"), StatusIs(Code::kFailedPrecondition, HasSubstr("closed")));
    closed.set_value();
  }
}

TEST_P(ABucketIsSharedAndClosesWithItsBus, BadInputIsRefusedWithItsRemedy) {
  const auto bus = Connect();
  EXPECT_THAT(bus->Bucket("a.b"), StatusIs(Code::kInvalidArgument, HasSubstr("[A-Za-z0-9_-]")));
  EXPECT_THAT(bus->Bucket("b", {.history = 0}), StatusIs(Code::kInvalidArgument, HasSubstr("use 1 to 64")));
  EXPECT_THAT(bus->Bucket("b", {}, {.timeout = std::chrono::milliseconds(0)}),
              StatusIs(Code::kInvalidArgument, HasSubstr("\"timeout\" is 0 ms; use 1 ms to 1 h")));
  const auto bucket = Open(*bus);
  const std::vector<std::chrono::milliseconds> bad = {std::chrono::milliseconds(0), std::chrono::milliseconds(-1),
                                                      std::chrono::milliseconds::max()};
  for (const auto timeout : bad) {
    const auto refused = StatusIs(Code::kInvalidArgument, HasSubstr("\"timeout\""));
    EXPECT_THAT(bucket->Get("k", {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Put("k", "v", {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Create("k", "v", {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Update("k", "v", 1, {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Delete("k", {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Purge("k", {.timeout = timeout}), refused);
    EXPECT_THAT(bucket->Watch(">", {.on_entry = [](const BucketEntry&) {}}, {.timeout = timeout}), refused);
  }
  EXPECT_THAT(bucket->Put("no spaces", "v"), StatusIs(Code::kInvalidArgument, HasSubstr("\" \" at byte 2")));
  EXPECT_THAT(bucket->Watch(">", {}), StatusIs(Code::kInvalidArgument, HasSubstr("on_entry")));
}

}  // namespace
}  // namespace penstock::testing
